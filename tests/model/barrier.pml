/* tests/model/barrier.pml - a barrier: members that arrive ROUNDS times each, one of which may be killed or lose patience.
 *
 * The word is {bits, phase, resets, broken, somebody}: one step each. A place is a member's, of one reset. Members come to
 * any place that is theirs or free. Sequentially consistent. There is no timeout: a death that a sleeper has not yet asked
 * for ends its sleep (the bound); a lost wake-up is a deadlock. Who is told that the barrier is broken goes home, or, the
 * first of them with RESET, resets it and goes on alone for the rest of the rounds with whoever comes.
 * Claims: nobody goes on before all have arrived, not counting those who gave up; after a death nobody waits for ever.
 */
#ifndef N
#define N 2                            /* so many go on together */
#define MEMBERS 2
#define ROUNDS 2
#endif
#ifndef KILL
#define KILL true                      /* member 0 may be killed */
#endif
#ifndef IMPATIENT
#define IMPATIENT false                /* member 1 may give up once it has slept, and comes again */
#endif
#ifndef RESETTER
#define RESETTER false                 /* somebody resets, once */
#endif
#define STEP(x) atomic { if :: can -> goto died :: true fi; x }
#define PEOPLE (MEMBERS + 1)           /* with a successor for one whom nobody knew */
#define ALL ((1 << N) - 1)
#define BIT(p) (1 << (p))

byte bits, phase, resets; bool broken, somebody; /* the word */
byte place[N];                                   /* 0: free, else 1 + member + PEOPLE * resets */
bool asleep[PEOPLE], dead[PEOPLE];
byte deaths;
byte came[2 * ROUNDS + 2], left_early, over;     /* the judge's: arrivals that count, by phase */

#define MINE(r) (1 + me + PEOPLE * (r))
#define RESET_OF(p) ((p - 1) / PEOPLE)
#define MEMBER_OF(p) ((p - 1) % PEOPLE)
#define SAME (bits == b && phase == f && resets == r && broken == k && somebody == s)
#define READ b = bits; f = phase; r = resets; k = broken; s = somebody

inline wake_all() { asleep[0] = false; asleep[1] = false; asleep[2] = false; asleep[PEOPLE - 1] = false }

/* breaks(): gone = whether somebody who took part is gone; one look at each place, then one step */
inline breaks() {
  gone = false; i = 0;
  do
  :: i < N && !gone ->
     STEP(q = place[i]; gone = (q != 0 && RESET_OF(q) == r && dead[MEMBER_OF(q)])); i++
  :: else -> break
  od;
  if :: gone -> STEP(if :: !broken && resets == r -> broken = true; somebody = false; w = true :: else fi);
        if :: w -> STEP(wake_all()) :: else fi
     :: else fi;
  i = 0; q = 0; w = false
}

proctype member(byte me; bool can; bool gives_up) {
  byte b, f, r, i, q, p, round, seen, at, era; bool k, s, ok, gone, w, slept, last, known;
  do
  :: round < ROUNDS ->

     STEP(READ);
     if :: k -> goto home :: else fi;
     p = N; i = 0;                                    /* a place of ours where nobody stands, or the first free one */
     do
     :: i < N -> STEP(q = place[i]);
        if :: q == MINE(r) && (b & BIT(i)) == 0 -> p = i; ok = true; break
           :: else -> if :: (q == 0 || RESET_OF(q) < r) && p == N -> p = i :: else fi fi; i++
     :: else -> break
     od;
     if :: p == N -> breaks(); if :: gone -> goto again :: else -> assert(MEMBERS > N || resets != r); goto again fi
        :: p < N && !ok ->
             STEP(q = place[p]; if :: q == 0 || RESET_OF(q) < r -> place[p] = MINE(r); ok = true; known = true :: else fi);
             if :: !ok -> goto again :: else fi
        :: else fi;
     ok = false; last = ((b | BIT(p)) == ALL);
     if :: last -> breaks(); if :: gone -> goto again :: else fi :: else fi;
     STEP(ok = SAME;
          if :: ok && last -> came[phase]++; assert(came[phase] == N); bits = 0; phase = f + 1; somebody = false
             :: ok && !last -> came[phase]++; bits = b | BIT(p)
             :: else fi);
     if :: !ok -> goto again :: else fi;
     if :: last && s -> STEP(wake_all()) :: else fi;
     at = f; era = r; slept = false; seen = 0; ok = false;
     do                                               /* wait() */
     :: STEP(READ);
        if :: f != at -> break
           :: f == at && r != era -> goto again        /* canceled: arrives again */
           :: f == at && r == era && k -> goto home
           :: else ->
              if
              :: gives_up && slept ->
                 STEP(ok = SAME; if :: ok -> bits = b & (7 - BIT(p)); came[f]-- :: else fi);
                 if :: ok -> gives_up = false; goto again :: else fi
              :: else ->
                 ok = true;
                 if :: !s -> STEP(ok = SAME; if :: ok -> somebody = true :: else fi) :: else fi;
                 if :: ok ->
                      STEP(if :: phase == f && resets == r && broken == k && somebody -> asleep[me] = true :: else fi);
                      slept = true;
                      atomic { if :: !asleep[me]
                                  :: gives_up -> asleep[me] = false
                                  :: deaths > seen -> asleep[me] = false
                                  :: can -> goto died
                               fi };
                      if :: deaths > seen -> seen = deaths; r = era; breaks() :: else fi
                    :: else fi;
                 ok = false
              fi
        fi
     od;
     assert(came[at] == N);
     round++;
again: b = 0; f = 0; r = 0; k = false; s = false; ok = false; gone = false; p = 0; q = 0; i = 0; last = false; slept = false
  :: else -> break
  od;
home: goto done;
died: atomic { asleep[me] = false; dead[me] = true; deaths++;
               if :: !known -> run member(MEMBERS, false, false) :: else fi };
done: over++
}

proctype resetter() {
  byte b, f, r, i, q; bool k, s, ok, can;
  do
  :: STEP(READ); STEP(ok = SAME; if :: ok -> if :: true -> came[f] = 0 fi; bits = 0; broken = false; resets = r + 1; somebody = false :: else fi);
     if :: ok -> break :: else fi
  od;
  i = 0;
  do
  :: i < N -> STEP(q = place[i]); STEP(if :: place[i] == q && q != 0 && RESET_OF(q) == r -> place[i] = 0 :: else fi); i++
  :: else -> break
  od;
  STEP(wake_all());
died: skip
}

init {
  byte i;
  atomic { do :: i < MEMBERS -> run member(i, KILL && i == 0, IMPATIENT && i == 1); i++ :: else -> break od;
           if :: RESETTER -> run resetter() :: else fi };
  _nr_pr == 1;
  assert(over >= MEMBERS && (deaths > 0 || RESETTER || !broken))
}
