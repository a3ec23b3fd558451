/* tests/model/merge.pml - a receiver merges the lanes of two rows; senders come late, leave, die.
 *
 * The rows' own life is participants.pml, the store buffers are wait.pml's: here waiting is one flag and one bell.
 * A lane is how many messages were sent and received in the life of its row. `changes` counts that a row or lane changed.
 * There is no timeout, except that a death after the receiver announced ends one sleep (the bound).
 * Claims: no lane is overlooked and nobody sleeps for ever; every committed message is received; closed is said only if
 * at some instant of the question nobody was there (`always_someone`), everything sent before by whoever had left is
 * received, and it is said in the end; a death is reported once, after the last message, a departure never.
 */
#define ROWS 2
#ifndef SENDERS
#define SENDERS 2                      /* sender n stands in row n % ROWS */
#endif
#ifndef SENDS
#define SENDS 1
#endif
#ifndef KILLS
#define KILLS 1                        /* senders below this one may be killed */
#endif
#define FREE 0
#define JOINING 1
#define LIVE 2
#define PARTED 3
#define DEAD 4

#define STEP(x) atomic { if :: can -> goto died :: true fi; x }
#define RING STEP(if :: asleep -> rung = true :: else fi)    /* all of wait.pml in one step */

byte row[ROWS], sent[ROWS], head[ROWS]; bool held[ROWS], ready[ROWS];
byte changes; bool asleep, rung, ever_ready;
byte deaths, deaths_seen, over;
/* the judge's */
byte here, died_in[ROWS], reported[ROWS]; bool always_someone, dead_in[ROWS];

inline gone() { here--; if :: here == 0 -> always_someone = false :: else fi }

proctype sender(byte r; bool can) {
  byte i; bool joined;
  atomic { row[r] == FREE && !held[r] -> held[r] = true; row[r] = JOINING; ready[r] = false; sent[r] = 0; head[r] = 0 };
  STEP(row[r] = LIVE);
  STEP(ready[r] = true; ever_ready = true);
  STEP(changes++);
  RING;
  atomic { here++; joined = true };                           /* open() returns */
  for (i : 1 .. SENDS) { STEP(sent[r]++); RING };
  if :: true -> (head[r] == sent[r]) :: true -> skip fi;      /* it may wait for its answer, or go at once */
  atomic { if :: can -> goto died :: true fi; gone(); joined = false };   /* leave() begins */
  STEP(row[r] = PARTED);
  STEP(changes++);
  RING;
  STEP(held[r] = false);
  goto done;
died: atomic { held[r] = false; deaths++;
               if :: row[r] == LIVE -> died_in[r]++ ; dead_in[r] = true :: else fi;
               if :: joined -> gone() :: else fi };
done: over++
}

proctype receiver() {
  byte r, seen, now, st; bool known[ROWS], nobody, all_said;
scan:
  all_said = false; seen = changes;                           /* before the rows */
  for (r : 0 .. ROWS - 1) {
    atomic { st = row[r];
      if :: st == LIVE || st == PARTED || st == DEAD -> known[r] = ready[r]
         :: else -> known[r] = false fi; st = 0 } };
  r = 0;
  do
  :: atomic { always_someone = (here > 0); nobody = true; deaths_seen = deaths };
     for (r : 0 .. ROWS - 1) {
       atomic { st = row[r];                                  /* the row before the lane */
         if :: st == JOINING && !held[r] -> row[r] = FREE; st = FREE
            :: st == LIVE && !held[r] -> row[r] = DEAD; st = DEAD
            :: else fi;
         if :: st == PARTED || st == DEAD -> known[r] = ready[r] :: else fi };
       atomic { if :: known[r] && head[r] < sent[r] -> head[r]++; goto progress :: else fi };
       if :: st == DEAD || st == PARTED ->
            atomic { if :: st == DEAD -> reported[r]++; assert(dead_in[r] && head[r] == sent[r] && reported[r] == died_in[r]); dead_in[r] = false :: else fi;
                     assert(head[r] == sent[r]); row[r] = FREE; known[r] = false }
          :: st == LIVE || st == JOINING -> nobody = false
          :: else fi };
     now = changes;
     if :: now != seen -> goto scan :: else fi;
     if :: nobody && ever_ready -> assert(!always_someone); all_said = true :: else fi;
     /* sleep */
     atomic { asleep = true; rung = false };                  /* announce, then look again */
     for (r : 0 .. ROWS - 1) { atomic { if :: known[r] && head[r] < sent[r] -> goto awake :: else fi } };
     now = changes;
     if :: now != seen -> goto awake :: else fi;
     if :: rung
        :: deaths > deaths_seen
        :: !rung && over == SENDERS && (all_said || !ever_ready) && row[0] == FREE && row[1] == FREE -> goto done fi;
awake:
     asleep = false;
progress:
     atomic { rung = false; r = 0; st = 0; now = 0; nobody = false };
     if :: changes != seen -> goto scan :: else fi
  od;
done: skip
}

init {
  byte n;
  atomic { run receiver(); for (n : 0 .. SENDERS - 1) { run sender(n % ROWS, n < KILLS) } };
  _nr_pr == 1;
  for (n : 0 .. ROWS - 1) { assert(row[n] == FREE && !held[n] && head[n] == sent[n] && died_in[n] == reported[n]) }
}
