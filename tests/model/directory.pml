/* tests/model/directory.pml - the directory of the names and its file of locks: made by the first, removed by the last.
 *
 * Files of locks are numbered; `lock` is the one that has the name, or 0. Of each: shared and excl are byte 2^62, held[] the
 * bytes of the names. `object[n]` is whose object stands at name n. Byte locks are freed by the kernel at death only, and
 * all those of one guard in one step. USERS take the names in turn, so that with three of them two want the same one.
 * Claims: one holder of a name, whatever file its byte is in; who holds a name has the directory and the file under it until
 * it lets go; nobody removes what is not empty, nor a file that has no name any more; nothing blocks for ever; and when
 * the last one has gone, and nobody was killed since, there is neither directory nor file.
 */
#ifndef USERS
#define USERS 3
#endif
#ifndef KILLED
#define KILLED 0                       /* users up to this one may be killed */
#endif
#define NAMES 2
#define FILES (2 * USERS + 6)

#define STEP(x) atomic { if :: can -> goto died :: true fi; x }
#define BYTE(f, n) ((f) * NAMES + (n))
#define EMPTY (object[0] == 0 && object[1] == 0)

bool directory, gone[USERS + 3];       /* gone: dead or over, the judge's and the kernel's */
byte lock, made, object[NAMES];
byte shared[FILES], excl[FILES], held[FILES * NAMES];
byte inside[NAMES];                    /* the judge's: who believes to hold the name */

/* the removal, without any guard */
#define TIDY(back) \
  STEP(ok = EMPTY); \
  if :: ok -> \
       STEP(f = lock); \
       if :: f != 0 -> \
            STEP(if :: shared[f] == 0 && excl[f] == 0 -> excl[f] = me; ok = true :: else -> ok = false fi); \
            if :: ok -> \
                 STEP(ok = (lock == f)); \
                 if :: ok -> \
                      STEP(assert(lock == f); lock = 0); \
                      STEP(if :: lock == 0 && EMPTY -> directory = false :: else fi) \
                    :: else fi; \
                 STEP(excl[f] = 0) \
               :: else fi \
          :: else -> STEP(if :: lock == 0 && EMPTY -> directory = false :: else fi) fi \
     :: else fi; \
  atomic { f = 0; ok = false }

proctype user(byte me; byte n; bool can) {
  byte f, newer; bool ok, mine;
again:
  STEP(f = lock);                                             /* open */
  if :: f == 0 ->
       STEP(directory = true);                                /* mkdir, or somebody else's */
       STEP(ok = directory);                                  /* O_TMPFILE */
       if :: ok -> STEP(if :: directory && lock == 0 -> made++; lock = made :: else fi) :: else fi;   /* linkat */
       goto again
     :: else fi;
  STEP(excl[f] == 0 -> shared[f]++; newer = f);
  STEP(ok = (directory && lock == f));
  if :: !ok -> STEP(shared[f]--; newer = 0); goto again :: else fi;
  STEP(held[BYTE(f, n)] == 0 -> held[BYTE(f, n)] = me);
  STEP(assert(inside[n] == 0); inside[n] = me);
  STEP(assert(directory && lock == f); if :: object[n] == 0 || gone[object[n]] -> object[n] = me; mine = true :: else fi);
  STEP(assert(directory && lock == f); inside[n] = 0);
  STEP(held[BYTE(f, n)] = 0; shared[f]--; newer = 0);         /* the guard goes, */
  TIDY(guard);                                                /* and tidies */
  if :: mine -> STEP(assert(directory && object[n] == me); object[n] = 0); TIDY(object) :: else fi;
  goto done;
died: atomic { if :: inside[n] == me -> inside[n] = 0 :: else fi;
               if :: newer != 0 -> shared[newer]--; if :: held[BYTE(newer, n)] == me -> held[BYTE(newer, n)] = 0 :: else fi
                  :: else -> if :: f != 0 && excl[f] == me -> excl[f] = 0 :: else fi fi };
done: atomic { gone[me] = true; f = 0; newer = 0; ok = false; mine = false }
}

init {
  byte n;
  atomic { for (n : 1 .. USERS) { run user(n, n % NAMES, n <= KILLED) } };
  _nr_pr == 1;
  if :: KILLED > 0 -> run user(USERS + 1, 0, false); _nr_pr == 1; run user(USERS + 2, 1, false); _nr_pr == 1 :: else fi;
  assert(!directory && lock == 0 && EMPTY)
}
