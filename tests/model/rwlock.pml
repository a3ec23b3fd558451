/* tests/model/rwlock.pml - readers' notes and the gate: two readers, two writers, some of whom may be killed anywhere.
 *
 * The gate is a mutex (mutex.pml), so taking it is one step here; crowd says that readers sleep on it. A reader's note is
 * its own word. A death after a sleeper last looked ends one sleep (the bound).
 * Claims: a writer is alone; a dead reader keeps nobody out; nobody sleeps for ever.
 */
#ifndef ROUNDS
#define ROUNDS 1
#endif
#ifndef KILLS
#define KILLS 2
#endif
#ifndef WRITERS
#define WRITERS 2
#endif
#define STEP(x) atomic { if :: can && deaths < KILLS -> goto died :: true fi; x }
#define READER(n) (n == 1 || n == 2)

mtype = { nothing, reads, waits }
mtype says[3] = nothing;
byte gate, left, deaths;               /* gate: 0, or the writer: 3 or 4 */
bool dirty, crowd, dead[5], asleep[5];
byte reading, writing;                 /* the judge's */

inline wake_readers() { asleep[1] = false; asleep[2] = false }
inline say_left() { left++; asleep[3] = false; asleep[4] = false }

proctype reader(byte me; bool can) {
  byte g, seen, round; bool c, in;
  for (round : 1 .. ROUNDS) {
    do
    :: STEP(says[me] = reads);                                      /* F1 */
       STEP(g = gate; seen = deaths; if :: g == 0 && !dirty -> reading++; in = true; assert(writing == 0) :: else fi);
       if :: in -> break :: else fi;
       STEP(says[me] = waits);
       STEP(say_left());
       STEP(g = gate; c = crowd; seen = deaths);
       if
       :: g == 0 && dirty -> STEP(says[me] = nothing); goto next     /* owner_died */
       :: g == 0 && !dirty -> skip
       :: g != 0 && dead[g] -> STEP(if :: gate == g -> gate = 0; crowd = false; dirty = true; wake_readers() :: else fi)
       :: g != 0 && !dead[g] ->
         STEP(if :: gate == g -> crowd = true; asleep[me] = true :: else fi);
         atomic { if :: !asleep[me] :: deaths > seen -> asleep[me] = false :: can && deaths < KILLS -> goto died fi }
       fi
    od;
    STEP(reading--; in = false; says[me] = nothing);                /* E2, F1 */
    STEP(g = gate);
    if :: g != 0 -> STEP(say_left()) :: else fi;
next: g = 0; seen = 0; c = false
  };
  goto done;
died: atomic { dead[me] = true; deaths++; asleep[me] = false; if :: in -> reading-- :: else fi };
done: skip
}

proctype writer(byte me; bool can) {
  byte l, seen, round, r; bool c, found;
  for (round : 1 .. ROUNDS) {
    do :: atomic { if :: gate == 0 -> gate = me; break
                      :: gate != 0 && dead[gate] -> gate = 0; dirty = true; crowd = false; wake_readers()
                      :: can && deaths < KILLS -> goto died fi }
    od;
    do
    :: STEP(l = left; seen = deaths; found = false);                 /* F2 */
       for (r : 1 .. 2) {
         STEP(if :: says[r] == reads && dead[r] -> says[r] = nothing     /* settled: forgotten */
                 :: says[r] == reads && !dead[r] -> found = true
                 :: else fi) };
       if :: !found -> break :: else fi;
       STEP(if :: left == l -> asleep[me] = true :: else fi);
       atomic { if :: !asleep[me] :: deaths > seen -> asleep[me] = false :: can && deaths < KILLS -> goto died fi }
    od;
    STEP(assert(reading == 0 && writing == 0); writing = me);
    STEP(dirty = false);                                            /* whoever comes in repairs, here */
    STEP(writing = 0; c = crowd; gate = 0; crowd = false);
    if :: c -> STEP(wake_readers()) :: else fi;
    l = 0; seen = 0; r = 0; found = false; c = false
  };
  goto done;
died: atomic { dead[me] = true; deaths++; asleep[me] = false; if :: writing == me -> writing = 0 :: else fi };
done: skip
}

init {
  atomic { run reader(1, true); run reader(2, false); run writer(3, true); if :: WRITERS > 1 -> run writer(4, false) :: else fi };
  _nr_pr == 1;
  assert(reading == 0 && writing == 0)
}
