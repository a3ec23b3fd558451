/* tests/model/wait.pml - the waiting protocol: one sleeper and its successor, two ringers and a successor, store buffers.
 *
 * W is the sleeper's word, here count * 4 + by_fd * 2 + asleep. B is the bell. A ringer's publication goes through its
 * store buffer: it reaches memory when the buffer chooses, at the ringer's death, at its own full fence, or at the
 * sleeper's heavy fence (membarrier). The sleeper's own stores to W are buffered too. An atomic increment of B does not
 * empty the buffer here: weaker than x86, so the proof is stronger.
 * There is no timeout, except that a death after the sleeper last looked ends one sleep (the bound): a lost wake-up is a
 * deadlock. The last act of ringer 0 may be loud: it rings whatever W says (close).
 * FENCE: the sleeper has no membarrier; W says so from birth and ringers fence. Ringer 1 of UNREGISTERED always fences.
 * Claims: whatever is published is read; nobody sleeps for ever.
 */
#ifndef PUBLISH0
#define PUBLISH0 1                     /* by ringer 0, */
#define PUBLISH1 1                     /* by ringer 1, */
#define SUCCESSOR 0                    /* by the successor of ringer 0 */
#endif
#ifndef FENCE
#define FENCE false
#endif
#ifndef BY_FD
#define BY_FD false
#endif
#ifndef LOUD
#define LOUD false
#endif
#ifndef SLEEPERS
#define SLEEPERS 1                     /* all but the last may be killed */
#endif
#ifndef KILL_RINGER
#define KILL_RINGER false
#endif
#define RINGERS (SUCCESSOR > 0 -> 3 : 2)
#define UNREGISTERED(r) (r == 1)
#define STEP(x) atomic { if :: can -> goto died :: true fi; x }

byte W, B, W_pending; bool has_pending;
byte published[2], buffered[2], got[2];
bool parked, in_futex, bell;           /* in the kernel: asleep in futex_wait or poll; the descriptor is readable */
byte deaths, deaths_seen, ringers_over, sleepers_dead;
bool first_ringer_over, all_read;

inline flush(r) { published[r] = published[r] + buffered[r]; buffered[r] = 0 }
inline store_W(v) { if :: has_pending -> W = W_pending :: else fi; W_pending = v; has_pending = true }
inline drain_W() { if :: has_pending -> W = W_pending; has_pending = false; W_pending = 0 :: else fi }

active proctype buffers() {            /* what leaves a store buffer by itself */
end:
  do :: atomic { buffered[0] > 0 -> buffered[0]--; published[0]++ }
     :: atomic { buffered[1] > 0 -> buffered[1]--; published[1]++ }
     :: atomic { has_pending -> drain_W() }
  od
}

proctype ringer(byte r; bool can; byte publish) {
  byte w, quiet, i;
  for (i : 1 .. publish) {
    STEP(buffered[r]++);                                      /* E1 */
    if :: UNREGISTERED(r) -> STEP(flush(r)) :: else fi;       /* F2, else only the compiler's */
    STEP(w = W);
    if :: FENCE && !UNREGISTERED(r) -> STEP(flush(r)); STEP(w = W) :: else fi;   /* W says fence */
    if :: w == quiet -> skip
       :: w != quiet && (w & 1) == 0 -> quiet = w
       :: w != quiet && (w & 1) == 1 ->
         STEP(B++);
         if :: (w & 2) == 2 -> STEP(bell = true)
            :: else -> STEP(if :: in_futex -> parked = false; in_futex = false :: else fi) fi;
         quiet = w
    fi;
    w = 0
  }
  if :: LOUD && r == 0 ->
       STEP(buffered[r]++); STEP(B++); STEP(if :: in_futex -> parked = false; in_futex = false :: else fi); STEP(bell = true)
     :: else fi;
  goto done;
died: atomic { flush(r); deaths++ };
done: atomic { ringers_over++; if :: r == 0 -> first_ringer_over = true :: else fi }
}

proctype sleeper(byte me; bool can) {
  byte b, count; bool by_fd;
  if :: sleepers_dead == me :: all_read -> goto done fi;
  STEP(count = (has_pending -> W_pending : W) / 4);           /* the count goes on where it was */
  do
  :: STEP(got[0] = published[0]; got[1] = published[1]);
     if :: BY_FD -> by_fd = true :: true -> by_fd = false fi;
     STEP(b = B);
     STEP(count++; store_W(count * 4 + by_fd * 2 + 1));       /* announce */
     STEP(drain_W(); deaths_seen = deaths);                   /* F1: what it does for ourselves, */
     if :: FENCE -> skip :: else -> STEP(flush(0); flush(1)) fi;   /* and for them */
     STEP(if :: published[0] > got[0] -> goto awake :: else fi);
     STEP(if :: published[1] > got[1] -> goto awake :: else fi);
     STEP(if :: by_fd -> parked = true
             :: !by_fd && B == b -> parked = true; in_futex = true
             :: !by_fd && B != b -> goto awake fi);
     atomic { if :: !parked
                 :: by_fd && bell
                 :: deaths > deaths_seen                      /* the bound */
                 :: ringers_over == RINGERS && buffered[0] + buffered[1] == 0 && published[0] == got[0] && published[1] == got[1] ->
                    all_read = true; goto done
                 :: can -> goto died
              fi; parked = false; in_futex = false };
awake:
     STEP(store_W(count * 4));
     if :: by_fd -> STEP(bell = false) :: else fi;            /* emptied before the next look */
     b = 0; by_fd = false
  od;
died: atomic { drain_W(); parked = false; in_futex = false; sleepers_dead++ };
done: skip
}

init {
  bool kill;
  atomic { if :: KILL_RINGER -> kill = true :: true -> kill = false fi;
           run ringer(0, kill, PUBLISH0); run ringer(1, false, PUBLISH1); run sleeper(0, SLEEPERS > 1);
           if :: SLEEPERS > 1 -> run sleeper(1, false) :: else fi };
  if :: SUCCESSOR > 0 -> atomic { first_ringer_over -> run ringer(0, false, SUCCESSOR) }   /* quiet starts at nothing */
     :: else fi;
  _nr_pr == 2;
  assert(published[0] == got[0] && published[1] == got[1])
}
