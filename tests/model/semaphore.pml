/* tests/model/semaphore.pml - a semaphore: takers who sleep, one who holds a permit and may be killed, those who settle.
 *
 * The word is {count, bit, tag}: tag 0 is none, else it names note, claim and direction. A note is a holder's: more is IDLE,
 * CLAIMED, HELD or RETURNED, with the number of the claim; about says whether it is in use. Sequentially consistent. There
 * is no timeout: a death that a sleeper has not yet asked for ends its sleep (the bound), and then the dead are settled; a
 * lost wake-up is a deadlock.
 * Takers take plainly, and give back or keep (KEEP); the first of them may give up once it has slept, and keeps nothing
 * (IMPATIENT). Holders hold, work, give back, ROUNDS times. Settlers are the takers and holders who wait in vain.
 * Claims: never more inside than there are; at the end all is back that was not kept.
 */
#ifndef COUNT
#define COUNT 1                        /* at the beginning */
#define HOLDERS 2                      /* the first may be killed */
#define TAKERS 1
#endif
#ifndef KILL
#define KILL true
#endif
#ifndef ROUNDS
#define ROUNDS 1
#endif
#ifndef IMPATIENT
#define IMPATIENT false                /* the first taker gives up, once it has slept */
#endif
#ifndef KEEP
#define KEEP false
#endif
#ifndef GIVE
#define GIVE 0                         /* by somebody who only gives, one at a time, */
#endif
#ifndef PILE
#define PILE 1                         /* or so many at once */
#endif
#define PARTIES (HOLDERS + TAKERS)
#define STEP(x) atomic { if :: can -> goto died :: true fi; x }
mtype = { IDLE, CLAIMED, HELD, RETURNED }

byte count = COUNT; bool flag; byte tag;          /* the word */
mtype more[PARTIES]; byte claim[PARTIES];        /* `more` of a note: state and claim */
bool about[PARTIES], dead[PARTIES];
bool asleep[PARTIES];                            /* in the kernel */
byte deaths;
byte inside, has[PARTIES], given, kept; bool in[PARTIES]; /* the judge's */
byte over;

#define TAKEN(n) (1 + 2 * (n) + 2 * HOLDERS * claim[n])
#define GIVEN_BACK(n) (2 + 2 * (n) + 2 * HOLDERS * claim[n])
#define SAME (count == c && flag == b && tag == t)

/* wakes one, whoever the kernel chooses */
inline wake_one() {
  atomic { if
  :: asleep[0] -> asleep[0] = false
  :: PARTIES > 1 && asleep[(PARTIES > 1 -> 1 : 0)] -> asleep[(PARTIES > 1 -> 1 : 0)] = false
  :: PARTIES > 2 && asleep[(PARTIES > 2 -> 2 : 0)] -> asleep[(PARTIES > 2 -> 2 : 0)] = false
  :: PARTIES > 3 && asleep[(PARTIES > 3 -> 3 : 0)] -> asleep[(PARTIES > 3 -> 3 : 0)] = false
  :: else fi }
}

/* what the tag that was read says, written into its note; two steps: look, then one compare-and-swap */
inline help() {
  if
  :: t == 0 -> skip
  :: t != 0 ->
    STEP(h = ((t - 1) / 2) % HOLDERS; m = more[h]; k = claim[h]);
    if
    :: t == TAKEN(h) && m == CLAIMED -> STEP(ok = (tag == t));
       if :: ok -> STEP(if :: more[h] == m && claim[h] == k -> more[h] = HELD :: else fi) :: else fi
    :: t == GIVEN_BACK(h) && m == HELD -> STEP(ok = (tag == t));
       if :: ok -> STEP(if :: more[h] == m && claim[h] == k -> more[h] = RETURNED :: else fi) :: else fi
    :: else
    fi
  fi; h = 0; m = 0; k = 0; ok = false
}

#define HAS_BACK(n) assert(has[n] == 1); has[n] = 0

/* give_back(): by the holder itself, or by whoever settles what it left */
inline give_back(n) {
  STEP(gm = more[n]; gk = claim[n]);
  if
  :: gm != HELD -> skip
  :: gm == HELD ->
    do
    :: STEP(c = count; b = flag; t = tag);
       if :: t == GIVEN_BACK(n) -> break :: else fi;
       STEP(ok = (more[n] == gm && claim[n] == gk));                               /* S4 */
       if :: !ok -> gm = IDLE; break :: else fi;
       help();
       STEP(ok = SAME; if :: ok -> count = c + 1; flag = false; tag = GIVEN_BACK(n); HAS_BACK(n) :: else fi);
       if :: ok -> if :: b -> STEP(wake_one()) :: else fi; break :: else fi
    od;
    if :: gm == HELD -> STEP(if :: more[n] == HELD && claim[n] == gk -> more[n] = RETURNED :: else fi) :: else fi
  fi; gm = 0; gk = 0; c = 0; b = false; t = 0; ok = false
}
/* settle_permit() for every note of the dead */
inline reap() {
  n = 0;
  do
  :: n < HOLDERS && about[n] && dead[n] ->
     STEP(gm = more[n]);
     if
     :: gm == CLAIMED ->
       STEP(t = tag);
       if :: t == TAKEN(n) -> STEP(if :: more[n] == CLAIMED -> more[n] = HELD :: else fi) :: else fi
     :: else
     fi;
     gm = 0; t = 0;
     give_back(n);                                                                  /* S3: looks again */
     STEP(about[n] = false);
     n++
  :: n < HOLDERS && !(about[n] && dead[n]) -> n++
  :: n == HOLDERS -> break
  od; n = 0
}

/* wait_and_take(): leaves ok = true if it took one */
inline wait_and_take(me, HOLDS) {
  slept = false; seen = 0;
  do
  :: STEP(c = count; b = flag; t = tag);
     if
     :: c > 0 ->
        if :: HOLDS -> help() :: else fi;
        STEP(ok = SAME; if :: ok -> count = c - 1; flag = (b || slept); if :: HOLDS -> tag = TAKEN(me) :: else fi;
                               has[me]++; inside++; in[me] = true; assert(inside <= COUNT + given) :: else fi);
        if :: ok -> if :: slept && c > 1 -> STEP(wake_one()) :: else fi; break :: else fi   /* S1 */
     :: c == 0 ->
        if
        :: gives_up && slept -> STEP(flag = true; c = count);                         /* S2 */
           if :: c > 0 -> STEP(wake_one()) :: else fi; ok = false; break
        :: else ->
          ok = true;
          if :: !b -> STEP(ok = SAME; if :: ok -> flag = true :: else fi) :: else fi;
          if
          :: ok ->
             STEP(if :: count == 0 && flag -> asleep[me] = true :: else fi); slept = true;   /* the lower half only */
             atomic { if
                      :: !asleep[me]
                      :: gives_up -> asleep[me] = false
                      :: deaths > seen -> asleep[me] = false
                      :: can -> goto died
                      fi };
             if :: deaths > seen -> seen = deaths; reap() :: else fi
          :: else
          fi
        fi
     fi
  od; c = 0; b = false; t = 0
}

proctype holder(byte me; bool can) {
  byte c, t, h, k, n, gk, seen, i; bool b, ok, slept, gives_up; mtype m, gm;
  for (i : 1 .. ROUNDS) {
    STEP(more[me] = CLAIMED; claim[me] = i % 2);
    STEP(about[me] = true);
    wait_and_take(me, true);
    STEP(if :: more[me] == CLAIMED -> more[me] = HELD :: else fi);
    STEP(inside--; in[me] = false);
    give_back(me);
    STEP(about[me] = false)
  }
  goto done;
died: atomic { asleep[me] = false; dead[me] = true; deaths++;
               if :: in[me] -> inside--; in[me] = false :: else fi };
done: over++
}

proctype taker(byte me; bool gives_up) {
  byte c, t, h, k, n, gk, seen; bool b, ok, slept, can; mtype m, gm;
  wait_and_take(me, false);
  if
  :: ok && KEEP && !gives_up -> atomic { has[me] = 0; inside--; in[me] = false; kept++ }
  :: ok && !(KEEP && !gives_up) -> atomic { has[me] = 0; inside--; in[me] = false };
     do
     :: STEP(c = count; b = flag; t = tag); STEP(ok = SAME; if :: ok -> count = c + 1; flag = false :: else fi);
        if :: ok -> if :: b -> wake_one() :: else fi; break :: else fi
     od
  :: else
  fi;
  goto done;
died: skip;                             /* nobody kills a taker: one taken plainly stays taken */
done: over++
}

proctype giver() {
  byte c, t, i, w; bool b, ok, can;
  do
  :: i < GIVE ->
     STEP(c = count; b = flag; t = tag);
     STEP(ok = SAME; if :: ok -> count = c + PILE; flag = false; given = given + PILE :: else fi);
     if :: ok -> i++; w = 0; do :: b && w < PILE -> wake_one(); w++ :: else -> break od :: else fi
  :: else -> break
  od;
died: skip
}

init {
  byte i, c, t, h, k, n, gk; bool b, ok, can; mtype m, gm;
  atomic { for (i : 0 .. HOLDERS - 1) { more[i] = IDLE; run holder(i, KILL && i == 0) }
           for (i : HOLDERS .. PARTIES - 1) { run taker(i, IMPATIENT && i == HOLDERS) };
           if :: GIVE > 0 -> run giver() :: else fi };
  _nr_pr == 1;
  reap();
died: skip;
  assert(count + kept == COUNT + given && inside == 0 && over == PARTIES);
  for (i : 0 .. HOLDERS - 1) { assert(!about[i]) }
}
