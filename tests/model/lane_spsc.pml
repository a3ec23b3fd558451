/* tests/model/lane_spsc.pml - one lane: a sender and its successor, a receiver and its successors, all killable.
 *
 * A message is its number; its bytes are number + 1, so that content certifies itself. A slot's word is {word, kind}, its
 * payload {data, start}: the byte itself (INLINE), or the run of the arena that holds it (ARENA, GROWING). A run is one
 * byte. GROWING is published first and written after; it is whole once progress - start reaches its length, 1.
 * Claims: committed == acknowledged, each once; a message shown and not acknowledged comes again marked, one never taken
 * into a hold comes unmarked; no byte that somebody may still read is written over; nobody waits for ever.
 * Not here: sleeping (wait.pml), rows and the proof of death (participants.pml).
 */
#define SLOTS 2                        /* = capacity */
#ifndef HOLDS
#define HOLDS 1
#endif
#define RUNS 2
#ifndef FIRST
#define FIRST 2                        /* messages of the sender, */
#define SECOND 1                       /* of its successor */
#endif
#define TOTAL (FIRST + SECOND)
#ifndef RECEIVERS
#define RECEIVERS 2                    /* all but the last may be killed */
#endif
#ifndef INLINES
#define INLINES true
#define ARENAS true
#define GROWINGS false
#endif
#define INLINE 1
#define ARENA 2
#define GROWING 3

#define STEP(x) atomic { if :: can -> goto died :: true fi; x }
#define SLOT (next % SLOTS)

/* shared memory */
byte slot_word[SLOTS], slot_kind[SLOTS], slot_data[SLOTS], slot_start[SLOTS];
byte head, progress, arena[RUNS];
byte hold_word[HOLDS], hold_kind[HOLDS], hold_data[HOLDS];
/* what the kernel and the rows say: the sender has left or is proved dead; the lane was given to the next one */
byte gone, senders_over, receivers_dead;
bool over;
/* the judge's */
byte committed[TOTAL], acked[TOTAL], torn[TOTAL], reader[RUNS];
bool taken[TOTAL];

inline acknowledge(n) { acked[n]++; assert(acked[n] == 1 && committed[n] == 1) }
inline forget_run(n) { for (x : 0 .. RUNS - 1) { if :: reader[x] == n + 1 -> reader[x] = 0 :: else fi }; x = 0 }

proctype sender(bool can; byte messages) {
  byte next, seen, i, r, e, x, kind, start;
  byte runs[RUNS], held[HOLDS];        /* private: whose each run is; the holds as last read */
  STEP(next = head);
  do :: STEP(if :: slot_word[SLOT] == next + 1 -> next++ :: else -> break fi) od;
  for (i : 1 .. messages) {
    STEP(seen = head);
    do :: next - seen < SLOTS -> break                        /* room */
       :: else -> (head != seen); STEP(seen = head) od;
    if :: INLINES -> kind = INLINE :: ARENAS -> kind = ARENA :: GROWINGS -> kind = GROWING fi;
    if :: kind == INLINE -> r = next + 1
       :: else ->
         do :: atomic { runs[0] == 0 -> r = 0 }; break
            :: atomic { runs[0] != 0 && runs[1] == 0 -> r = 1 }; break
            :: else ->
              STEP(seen = head);                              /* E2, before the holds */
              for (e : 0 .. HOLDS - 1) { STEP(held[e] = hold_word[e]) }   /* E3 */
              atomic { for (r : 0 .. RUNS - 1) {
                if :: runs[r] != 0 && runs[r] <= seen ->
                     for (e : 0 .. HOLDS - 1) { if :: held[e] == runs[r] -> break :: else fi }
                     if :: e == HOLDS -> runs[r] = 0 :: else fi
                   :: else fi } e = 0; r = 0 }
              if :: runs[0] != 0 && runs[1] != 0 ->
                   (head != seen || hold_word[0] != held[0] || hold_word[HOLDS - 1] != held[HOLDS - 1])
                 :: else fi
         od;
         start = progress; seen = head;
         assert(reader[r] == 0);
         if :: kind == ARENA -> STEP(assert(reader[r] == 0); arena[r] = next + 1) :: else fi
    fi;
    assert(next - head < SLOTS);
    STEP(slot_data[SLOT] = r; slot_start[SLOT] = start);
    STEP(slot_word[SLOT] = next + 1; slot_kind[SLOT] = kind;  /* E1 */
         if :: kind != GROWING -> committed[next]++ :: else fi;
         if :: kind != INLINE -> reader[r] = next + 1; runs[r] = next + 1 :: else fi);
    if :: kind == GROWING ->
         STEP(arena[r] = next + 1);
         STEP(progress = start + 1; committed[next]++)        /* the commit of a growing message */
       :: else fi;
    atomic { next++; kind = 0; start = 0; r = 0 }
  }
died: gone++
}

proctype receiver(byte me; bool can) {
  byte next, e, x, kind, data, start, was, first;
  byte view[HOLDS], again[HOLDS];      /* private: what the user holds; what is to be shown again */
  if :: receivers_dead == me :: over -> goto end fi;
  STEP(next = head);
  if :: me > 0 ->                                             /* adopt */
       for (e : 0 .. HOLDS - 1) {
         STEP(was = hold_word[e]);
         if :: was > next -> STEP(hold_word[e] = 0)           /* K1 was not passed: never shown */
            :: was != 0 && was <= next -> again[e] = was
            :: else fi }
       do :: atomic { first = 255;                            /* in order */
               for (x : 0 .. HOLDS - 1) { if :: again[x] != 0 && (first == 255 || again[x] < again[first]) -> first = x :: else fi }
               x = 0; e = 0; was = 0 };
             if :: first == 255 -> break :: else fi;
             STEP(assert(taken[again[first] - 1] && acked[again[first] - 1] == 0);   /* redelivered = true */
                  view[first] = again[first]; again[first] = 0)
       od; first = 0
     :: else fi;
  do
  :: view[0] != 0 -> e = 0; goto release
  :: HOLDS > 1 && view[HOLDS - 1] != 0 -> e = HOLDS - 1; goto release
  :: slot_word[SLOT] == next + 1 ->
     STEP(kind = slot_kind[SLOT]; data = slot_data[SLOT]; start = slot_start[SLOT]);
     if :: kind == GROWING ->
          do :: STEP(was = progress);
                if :: was - start >= 1 -> break
                   :: was - start < 1 -> if :: progress != was :: gone > senders_over ->
                        STEP(was = progress);                 /* again, after the proof */
                        if :: was - start >= 1 -> break :: else -> goto tear fi fi fi od; was = 0
        :: else fi;
     if
     :: true ->                                               /* recv: a copy */
        if :: kind != INLINE -> STEP(data = arena[data]) :: else fi;
        assert(data == next + 1 && !taken[next]);             /* redelivered = false */
        STEP(head = next + 1; acknowledge(next); forget_run(next))   /* E2 */
     :: hold_word[0] == 0 -> e = 0; goto lend                 /* front: a view */
     :: HOLDS > 1 && hold_word[HOLDS - 1] == 0 -> e = HOLDS - 1; goto lend
     fi;
     goto next_one;
lend:
     STEP(hold_data[e] = data);
     STEP(hold_word[e] = next + 1; hold_kind[e] = kind);      /* K1 */
     assert(!taken[next]);
     STEP(head = next + 1; taken[next] = true; view[e] = next + 1);   /* E2, and shown */
     goto next_one;
tear:
     STEP(head = next + 1; assert(committed[next] == 0 && torn[next] == 0); torn[next] = 1; forget_run(next));
next_one:
     atomic { next++; kind = 0; data = 0; start = 0; e = 0; was = 0 };
     goto again_;
release:
     if :: hold_kind[e] == INLINE -> assert(hold_data[e] == view[e])
        :: else -> assert(arena[hold_data[e]] == view[e]) fi;   /* the user's last look */
     STEP(hold_word[e] = 0; acknowledge(view[e] - 1); forget_run(view[e] - 1); view[e] = 0; e = 0);   /* E3 */
again_: skip
  :: gone > senders_over && slot_word[SLOT] != next + 1 && hold_word[0] == 0 && hold_word[HOLDS - 1] == 0 ->
     assert(reader[0] == 0 && reader[1] == 0); STEP(senders_over++)    /* the lane is free for the next */
  :: senders_over == 2 -> atomic { over = true; goto end }
  od;
died: receivers_dead++;
end: skip
}

init {
  byte n;
  atomic { for (n : 0 .. RECEIVERS - 1) { run receiver(n, n < RECEIVERS - 1) } run sender(true, FIRST) }
  senders_over == 1;
  run sender(false, SECOND);
  _nr_pr == 1;
  for (n : 0 .. TOTAL - 1) { assert(acked[n] == committed[n] && committed[n] <= 1 && committed[n] + torn[n] <= 1) }
  for (n : 0 .. HOLDS - 1) { assert(hold_word[n] == 0) }
}
