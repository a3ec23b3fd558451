/* tests/model/mutex.pml - the mutex: users of which some may be killed anywhere, some of whom repair.
 *
 * The word is owner, waiters, dirty; one access is one step over all three. A sleep begins only if the word is as it was
 * seen. There is no timeout, except that a death after the sleeper last looked ends one sleep (the bound): a lost
 * wake-up is a deadlock. dead[] is the kernel's proof.
 * Claims: never two inside; what was left half done is seen by a repairer alone; nobody sleeps for ever.
 */
#ifndef USERS
#define USERS 3                        /* the last may not be killed, and repairs */
#endif
#ifndef ROUNDS
#define ROUNDS 1
#endif
#ifndef KILL
#define KILL true
#endif
#define STEP(x) atomic { if :: can -> goto died :: true fi; x }
#define SAME (owner == o && waiters == w && dirty == d)

byte owner; bool waiters, dirty;
bool asleep[USERS + 1], dead[USERS + 1];
byte deaths, inside;                   /* inside and half_done are the judge's: the second is what the lock protects */
bool half_done;

inline wake_all() { for (i : 1 .. USERS) { asleep[i] = false } i = 0 }
inline wake_one() { if :: asleep[1] -> asleep[1] = false :: asleep[2] -> asleep[2] = false
                       :: asleep[USERS] -> asleep[USERS] = false :: else fi }

proctype user(byte me; bool can, repairs) {
  byte o, seen, i, round; bool w, d, slept, ok;
  for (round : 1 .. ROUNDS) {
    slept = false;
    do
    :: STEP(o = owner; w = waiters; d = dirty; seen = deaths);
       if
       :: o == 0 && d && !repairs -> goto next                               /* owner_died */
       :: o == 0 && (!d || repairs) ->
         STEP(ok = SAME; if :: ok -> owner = me; waiters = w || slept; assert(inside == 0); inside = me :: else fi);   /* L1, L4 */
         if :: ok -> break :: else fi
       :: o != 0 && dead[o] ->
         STEP(ok = SAME; if :: ok -> owner = 0; waiters = false; dirty = true :: else fi);   /* L2 */
         if :: ok -> STEP(wake_all()) :: else fi
       :: o != 0 && !dead[o] ->
         if :: !w -> STEP(ok = SAME; if :: ok -> waiters = true :: else fi); w = true
            :: else -> ok = true fi;
         if :: ok ->
              STEP(if :: SAME -> asleep[me] = true :: else fi);
              atomic { if :: !asleep[me] :: deaths > seen -> asleep[me] = false :: can -> goto died fi };
              slept = true
            :: else fi
       fi
    od;
    if :: dirty -> assert(repairs);
         STEP(half_done = false);                                            /* repair() */
         STEP(dirty = false)                                                 /* L3 */
       :: else fi;
    STEP(assert(!half_done); half_done = true);
    STEP(half_done = false);
    STEP(w = waiters; owner = 0; waiters = false; inside = 0);               /* E1 */
    if :: w -> STEP(wake_one()) :: else fi;
next: o = 0; w = false; d = false; ok = false; seen = 0
  };
  goto done;
died: atomic { dead[me] = true; deaths++; asleep[me] = false; if :: inside == me -> inside = 0 :: else fi };
done: skip
}

init {
  atomic { run user(1, KILL, false); if :: USERS > 2 -> run user(2, KILL, true) :: else fi; run user(USERS, false, true) };
  _nr_pr == 1;
  assert(owner == 0 || dead[owner])
}
