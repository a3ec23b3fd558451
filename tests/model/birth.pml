/* tests/model/birth.pml - the life of one name: owned, joined, left, replaced, adopted, removed; killed at every step.
 *
 * A file (inode) is what it contains: complete, two rows for owners (state, lock), the words closed (owners_closed) and
 * w_closed (the bit in the receiver's word), and whether a message lies in it. `name` and `next` are the two entries of the
 * directory: the file they lead to, or 0. `guard` is the lock of the name. Locks are freed by the kernel at death only.
 * KEEP: a leftover that nobody closed is adopted with its messages; else every leftover is replaced.
 * Claims: whatever the name leads to is complete and has, or had, a LIVE owner; never two living owners; a living owner
 * keeps its name; nobody takes away what was not closed (KEEP); join() says closed only of what was closed; a join that
 * succeeded stood in the file while the name led to it; at the end a newcomer owns the name at its first attempt.
 */
#ifndef KEEP
#define KEEP true
#endif
#ifndef OWNERS
#define OWNERS 2                       /* may be killed; one more comes when all is over */
#endif
#ifndef KILLED
#define KILLED 9                       /* owners up to this one may be killed */
#endif
#ifndef REMOVER
#define REMOVER false
#endif
#ifndef SENDER
#define SENDER true
#endif
#define FILES (OWNERS + 3)
#define FREE 0
#define JOINING 1
#define LIVE 2
#define LEFT 3
#define DEAD 4
#define GONE 0
#define ALIVE 1

#define STEP(x) atomic { if :: can -> goto died :: true fi; x }
#define ROW(f, i) ((f) * 2 + (i))

byte name, next, guard, made;
byte row[FILES * 2], lock[FILES * 2];
bool complete[FILES], closed[FILES], w_closed[FILES], message[FILES], named_since[FILES];
byte over;

/* The judge: what is at the name is never half made, and only one owner lives that has not said that it closes. */
inline judge() {
  assert(name == 0 || (complete[name] && (row[ROW(name, 0)] >= LIVE || row[ROW(name, 1)] >= LIVE || closed[name])));
  living = 0;
  for (x : 1 .. FILES - 1) {
    if :: !w_closed[x] && ((row[ROW(x, 0)] == LIVE && lock[ROW(x, 0)] != 0) || (row[ROW(x, 1)] == LIVE && lock[ROW(x, 1)] != 0)) &&
          settled[x] -> living++; assert(name == x)
       :: else fi;
    assert(!(row[ROW(x, 0)] == LIVE && lock[ROW(x, 0)] != 0 && row[ROW(x, 1)] == LIVE && lock[ROW(x, 1)] != 0)) };
  assert(living <= 1); living = 0; x = 0
}
bool settled[FILES];                   /* the judge's: its birth is over */

/* participants::fate_of(owner): the row's word, its lock, the word again; row by row */
inline fate_of(f) {
  fate = GONE;
  for (i : 0 .. 1) {
    STEP(s = row[ROW(f, i)]);
    if :: s == DEAD -> fate = DEAD
       :: s == LIVE -> STEP(held = (lock[ROW(f, i)] != 0));
            if :: held -> fate = ALIVE; break
               :: else -> STEP(if :: row[ROW(f, i)] == LIVE -> fate = DEAD :: row[ROW(f, i)] != LIVE -> i = 255 fi);
                          if :: i == 255 -> fate = 255; break :: else fi fi   /* it changed: all again */
       :: else fi };
  atomic { i = 0; s = 0; held = false }
}

proctype owner(byte me; bool can) {
  byte f, fate, i, s, x, living, mine, newer; bool held, found, must = (me == OWNERS + 1);
  STEP(guard == 0 -> guard = me);
  STEP(f = name);                                             /* open */
  found = (f != 0);
  if :: found ->
       do :: fate_of(f); if :: fate == 255 -> skip :: else -> break fi od;
       if :: fate == ALIVE -> STEP(assert(!must); guard = 0); goto done :: else fi;
       STEP(held = closed[f]); STEP(held = held || w_closed[f]);
       if :: KEEP && !held -> held = false; goto adopt :: else fi;
       held = false
     :: else fi;
  /* a new one: nobody sees it yet */
  STEP(made++; newer = made);
  STEP(complete[newer] = true);
  STEP(lock[ROW(newer, 0)] = me);
  STEP(row[ROW(newer, 0)] = LIVE);
  if :: !found -> STEP(assert(name == 0); name = newer; named_since[newer] = true; judge())             /* linkat */
     :: else -> STEP(next = 0);
                STEP(assert(next == 0); next = newer);        /* linkat to .next */
                STEP(assert(!KEEP || name == 0 || closed[name] || w_closed[name]); name = next; next = 0; named_since[newer] = true; judge())
  fi;
  mine = ROW(newer, 0);
  goto settle;
adopt:                                                        /* one DEAD stays until there is somebody LIVE */
  for (i : 0 .. 1) { STEP(if :: row[ROW(f, i)] == LIVE && lock[ROW(f, i)] == 0 -> row[ROW(f, i)] = DEAD :: else fi) };
  STEP(if :: row[ROW(f, 0)] == DEAD && row[ROW(f, 1)] == DEAD -> row[ROW(f, 1)] = FREE :: else fi);   /* one witness is enough */
  for (i : 0 .. 1) { if :: row[ROW(f, i)] == FREE || row[ROW(f, i)] == JOINING || row[ROW(f, i)] == LEFT -> break :: else fi };
  assert(i < 2);
  mine = ROW(f, i);
  STEP(assert(lock[mine] == 0); lock[mine] = me);
  STEP(row[mine] = JOINING);
  newer = f; atomic { f = 0; i = 0 };
settle:
  STEP(assert(name == newer); settled[newer] = true);
  STEP(row[mine] = LIVE; judge());
  for (i : 0 .. 1) { STEP(if :: row[ROW(newer, i)] == DEAD -> row[ROW(newer, i)] = FREE :: else fi) };
  i = 0;
  STEP(guard = 0);
  /* it lives; a message may be waiting in what it leaves */
  STEP(assert(!closed[newer] && !w_closed[newer]); judge());
  STEP(w_closed[newer] = true);
  STEP(closed[newer] = true);
  STEP(f = name);                                             /* has_name, then unlink: two steps */
  if :: f == newer -> STEP(name = 0; judge()) :: else fi;
  STEP(row[mine] = LEFT; judge());
  STEP(row[mine] = FREE);
  STEP(lock[mine] = 0);
  goto done;
died: atomic { if :: mine != 0 && lock[mine] == me -> lock[mine] = 0
                  :: newer != 0 && mine == 0 && lock[ROW(newer, 0)] == me -> lock[ROW(newer, 0)] = 0 :: else fi;
               if :: guard == me -> guard = 0 :: else fi };
done: over++
}

proctype sender(bool can) {
  byte f, fate, i, s, tries; bool held;
  for (tries : 1 .. 3) {
    STEP(f = name);
    if :: f == 0 -> goto done :: else fi;
    assert(complete[f]);
    do :: fate_of(f); if :: fate == 255 -> skip :: else -> break fi od;
    STEP(held = closed[f]);
    if :: held || fate == GONE -> assert(closed[f] || w_closed[f]); goto done   /* says closed */
       :: !held && fate == DEAD -> goto done                 /* says owner_died */
       :: else fi;
    STEP(named_since[f] = (name == f));                       /* a row of ours, JOINING */
    STEP(held = (name == f));                                 /* settle */
    if :: !held -> goto moved :: else fi;
    assert(named_since[f]);
    STEP(held = closed[f]);                                   /* arrived; and once more */
    if :: held -> goto done :: else fi;
    STEP(message[f] = true);                                  /* joined */
    goto done;
moved: atomic { f = 0; fate = 0; held = false }
  };
died: skip;
done: over++
}

proctype remover(byte me; bool can) {  /* a tool that clears leftovers away */
  byte f, fate, i, s; bool held;
  STEP(guard == 0 -> guard = me);
  STEP(f = name);
  if :: f != 0 ->
       do :: fate_of(f); if :: fate == 255 -> skip :: else -> break fi od;
       if :: fate != ALIVE -> STEP(name = 0) :: else fi
     :: else fi;
  STEP(guard = 0);
  goto done;
died: if :: guard == me -> guard = 0 :: else fi;
done: over++
}

init {
  byte n;
  atomic { for (n : 1 .. OWNERS) { run owner(n, n <= KILLED) }
           if :: SENDER -> run sender(true) :: else fi;
           if :: REMOVER -> run remover(OWNERS + 2, true) :: else fi };
  _nr_pr == 1;
  run owner(OWNERS + 1, false);                               /* whatever they left, this one gets the name */
  _nr_pr == 1;
  assert(name == 0 && guard == 0)
}
