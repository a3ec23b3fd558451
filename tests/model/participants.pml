/* tests/model/participants.pml - one row of the table: claimed, used, left or died, drained, freed, claimed again.
 *
 * A row's word is {state, generation}. Its lock is held by whoever stands in the row and freed by the kernel at death and
 * at no other time: that is all the proof of death there is. The lane is a list of the generations that sent: what is
 * at or beyond head is not received yet. A view is one hold: shown, received, and not acknowledged.
 * The declarer is anybody else who sweeps, and it may stall between its question and its change.
 * Claims: an incarnation's committed messages are received before its end is reported and its row is free; a death is
 * reported once by the receiver (again by its successor only if the row was not freed), a departure never; no incarnation
 * comes twice; no living one is declared dead; the row ends up free or with an unheld JOINING, which is as good.
 */
#ifndef CLAIMERS
#define CLAIMERS 2                     /* all but the last may be killed */
#endif
#ifndef LIVES
#define LIVES 1
#endif
#ifndef SWEEPS
#define SWEEPS 1
#endif
#ifndef SENDS
#define SENDS 1
#endif
#ifndef RECEIVERS
#define RECEIVERS 2                    /* all but the last may be killed */
#endif
#define GENERATIONS (CLAIMERS * LIVES + 1)
#define FREE 0
#define JOINING 1
#define LIVE 2
#define LEFT 3
#define PARTED 4
#define DEAD 5

#define STEP(x) atomic { if :: can -> goto died :: true fi; x }
#define REUSABLE(s) (s == FREE || s == JOINING || s == LEFT)
#define IS(s, g) (state == s && generation == g)
#define SETTLED (claimers_over == CLAIMERS)

byte state, generation, lock;          /* lock: 0, or who */
byte prepared, ready;                  /* whose lane it is; ready: 1 once it may be used */
byte lane[GENERATIONS * SENDS], tail, head, hold;
byte claimers_over, receivers_dead, sweeps_over;
bool all_over;
/* the judge's: per generation */
byte born[GENERATIONS], sent[GENERATIONS], received[GENERATIONS], reports[GENERATIONS];
bool dead[GENERATIONS], parted[GENERATIONS];

proctype claimer(byte me; bool can) {
  byte g, s, mine, i, life;
  for (life : 1 .. LIVES) {
look:
    STEP(s = state; g = generation);
    if :: !REUSABLE(s) -> (state != s || generation != g); goto look
       :: else fi;
    STEP(if :: lock == 0 -> lock = me :: else -> s = 255 fi);
    if :: s == 255 -> (lock == 0 || state != s || generation != g); goto look :: else fi;
reread:
    STEP(s = state; g = generation);                          /* again, now that the right is ours */
    if :: !REUSABLE(s) -> STEP(lock = 0); goto look :: else fi;
    atomic { if :: can -> goto died :: true fi;
      if :: IS(s, g) -> state = JOINING; generation = g + 1; mine = g + 1
         :: else -> goto reread fi };                         /* a sweep came first */
    STEP(ready = 0);
    STEP(assert(lock == me && generation == mine && hold == 0); state = LIVE; born[mine]++; assert(born[mine] == 1));
    STEP(prepared = mine);
    STEP(ready = 1);
    for (i : 1 .. SENDS) { STEP(assert(IS(LIVE, mine)); lane[tail] = mine; tail++; sent[mine]++) }
    STEP(assert(IS(LIVE, mine)); state = PARTED; parted[mine] = true);
    STEP(lock = 0);
    atomic { g = 0; s = 0; mine = 0; i = 0 }
  }
  goto done;
died: atomic { if :: mine != 0 && born[mine] && !parted[mine] -> dead[mine] = true :: else fi;
               if :: lock == me -> lock = 0 :: else fi };
done: claimers_over++
}

proctype receiver(byte me; bool can) {
  byte s, g, reported; bool usable;
  if :: receivers_dead == me :: all_over -> goto done fi;
  do
  :: hold > 0 -> STEP(hold--)                                 /* the user acknowledges */
  :: all_over -> goto done
  :: !all_over ->
     STEP(s = state; g = generation);
     if
     :: REUSABLE(s) ->
        if :: state != s || generation != g
           :: SETTLED && sweeps_over && REUSABLE(state) && lock == 0 -> all_over = true; goto done fi
     :: !REUSABLE(s) ->
        if :: s == LIVE ->
             STEP(usable = (lock == 0));                      /* the question; the change itself looks again */
             if :: usable -> STEP(if :: IS(LIVE, g) -> state = DEAD; assert(dead[g]); s = DEAD :: else -> s = 255 fi)
                :: else fi
           :: else fi;
        if :: s == 255 -> goto again :: else fi;
        STEP(usable = (ready == 1));
        if :: usable -> assert(prepared == g);
             do :: STEP(if :: head < tail -> assert(lane[head] == g); received[g]++; head++;
                                  if :: true :: hold == 0 -> hold++ fi   /* a copy, or a view */
                           :: else -> break fi) od
           :: else fi;
        if
        :: s == LIVE -> (state != s || generation != g || lock == 0 || (ready == 1 && head < tail))
        :: s == DEAD || s == PARTED ->
           if :: s == DEAD && reported != g ->
                STEP(assert(dead[g] && received[g] == sent[g]); reports[g]++; reported = g;
                     assert(reports[g] <= 1 + receivers_dead))
              :: else fi;
           do :: hold > 0 -> STEP(hold--) :: else -> break od;
           STEP(if :: IS(s, g) -> state = FREE; assert(received[g] == sent[g]) :: else fi)
        fi
     fi;
again: atomic { s = 0; g = 0; usable = false }
  od;
died: receivers_dead++;
done: skip
}

proctype declarer(byte sweeps) {
  byte s, g, i;
  for (i : 1 .. sweeps) {
    atomic { s = state; g = generation };
    if :: s == LIVE || s == JOINING || s == LEFT ->
         if :: lock != 0 -> skip
            :: lock == 0 ->                                   /* and here it may stall */
              atomic { if :: !IS(s, g) -> skip
                          :: IS(s, g) && s == LIVE -> state = DEAD; generation = g; assert(dead[g])
                          :: IS(s, g) && s != LIVE -> state = FREE; generation = g fi }
         fi
       :: else fi;
    atomic { s = 0; g = 0 }
  }
  sweeps_over = true
}

init {
  byte n;
  atomic { for (n : 1 .. CLAIMERS) { run claimer(n, n < CLAIMERS) }
           run receiver(0, RECEIVERS > 1); run receiver(1, false);
           if :: SWEEPS > 0 -> run declarer(SWEEPS) :: else -> sweeps_over = true fi };
  _nr_pr == 1;
  assert(REUSABLE(state) && lock == 0 && hold == 0 && head == tail);
  for (n : 1 .. GENERATIONS - 1) {
    assert(received[n] == sent[n] && (dead[n] == (reports[n] > 0)) && !(dead[n] && parted[n])) }
}
