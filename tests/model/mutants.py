# tests/model/mutants.py - the table of failing controls: one change to one model, named after what it breaks, and what
# Spin must say of it. `old` stands in the model exactly once. ASSERTED: an assertion falls; STUCK: somebody waits for ever.
ASSERTED = "assertion violated"
STUCK = "invalid end state"

GROWING = "-DINLINES=false -DARENAS=false -DGROWINGS=true"
ARENA = "-DINLINES=false -DARENAS=true -DGROWINGS=false"
LAPS = "-DFIRST=3 -DSECOND=0"
GIVING = "-DCOUNT=0 -DHOLDERS=0 -DTAKERS=2 -DKILL=false -DGIVE=2 -DKEEP=true"
GIVING_UP = GIVING.replace("TAKERS=2", "TAKERS=3") + " -DIMPATIENT=true"

# name: (model, sizes, [(old, new), ...], verdict)
MUTANTS = {
    # --- one lane
    "publish_before_payload": ("lane_spsc", "", [
        ("STEP(slot_data[SLOT] = r; slot_start[SLOT] = start);", "skip;"),
        ("kind != INLINE -> reader[r] = next + 1; runs[r] = next + 1 :: else fi);",
         "kind != INLINE -> reader[r] = next + 1; runs[r] = next + 1 :: else fi);"
         " STEP(slot_data[SLOT] = r; slot_start[SLOT] = start);")], ASSERTED),
    "publish_before_arena": ("lane_spsc", ARENA, [
        ("if :: kind == ARENA -> STEP(assert(reader[r] == 0); arena[r] = next + 1) :: else fi", "skip"),
        ("    if :: kind == GROWING ->\n         STEP(arena", "    if :: kind == ARENA -> STEP(arena[r] = next + 1) "
         ":: else fi;\n    if :: kind == GROWING ->\n         STEP(arena")], ASSERTED),
    "full_one_later": ("lane_spsc", LAPS, [
        ("do :: next - seen < SLOTS -> break  ", "do :: next - seen <= SLOTS -> break  ")], ASSERTED),
    "run_freed_at_take": ("lane_spsc", LAPS + " " + ARENA, [
        ("if :: held[e] == runs[r] -> break :: else fi }", "skip }")], ASSERTED),
    "holds_read_before_head": ("lane_spsc", LAPS + " " + ARENA, [
        ("STEP(seen = head);                              /* E2, before the holds */", "skip;"),
        ("{ STEP(held[e] = hold_word[e]) }   /* E3 */", "{ STEP(held[e] = hold_word[e]) }; STEP(seen = head);")],
        ASSERTED),
    "head_before_hold": ("lane_spsc", "", [
        ("     STEP(hold_word[e] = next + 1; hold_kind[e] = kind);      /* K1 */", "     STEP(head = next + 1);"),
        ("     STEP(head = next + 1; taken[next] = true; view[e] = next + 1);   /* E2, and shown */",
         "     STEP(hold_word[e] = next + 1; hold_kind[e] = kind; taken[next] = true; view[e] = next + 1);")], ASSERTED),
    "hold_after_show": ("lane_spsc", "", [
        ("     STEP(hold_word[e] = next + 1; hold_kind[e] = kind);      /* K1 */", "     skip;"),
        ("     STEP(head = next + 1; taken[next] = true; view[e] = next + 1);   /* E2, and shown */",
         "     STEP(head = next + 1; taken[next] = true; view[e] = next + 1);"
         " STEP(hold_word[e] = next + 1; hold_kind[e] = kind);")], ASSERTED),
    "hold_word_before_its_payload": ("lane_spsc", "", [
        ("     STEP(hold_data[e] = data);", "     skip;"),
        ("     assert(!taken[next]);\n     STEP(head = next + 1; taken[next] = true; view[e] = next + 1);",
         "     STEP(head = next + 1; taken[next] = true; view[e] = next + 1); STEP(hold_data[e] = data);")], ASSERTED),
    "head_before_copy": ("lane_spsc", ARENA, [
        ("if :: kind != INLINE -> STEP(data = arena[data]) :: else fi;",
         "STEP(head = next + 1; forget_run(next)); if :: kind != INLINE -> STEP(data = arena[data]) :: else fi;")],
        ASSERTED),
    "acknowledged_before_last_look": ("lane_spsc", ARENA, [
        ("     if :: hold_kind[e] == INLINE -> assert",
         "     STEP(hold_word[e] = 0; forget_run(view[e] - 1));\n     if :: hold_kind[e] == INLINE -> assert")], ASSERTED),
    "lap_ignored": ("lane_spsc", "", [
        (":: slot_word[SLOT] == next + 1 ->\n     STEP(kind", ":: slot_word[SLOT] != 0 ->\n     STEP(kind")], ASSERTED),
    "successor_forgets_holds": ("lane_spsc", "", [
        (":: was != 0 && was <= next -> again[e] = was", ":: was != 0 && was <= next -> STEP(hold_word[e] = 0)")], ASSERTED),
    "successor_keeps_unshown_holds": ("lane_spsc", "", [
        ("STEP(hold_word[e] = 0)           /* K1 was not passed: never shown */",
         "again[e] = was           /* K1 was not passed: never shown */")], ASSERTED),
    "successor_ignores_unshown_holds": ("lane_spsc", "", [
        ("STEP(hold_word[e] = 0)           /* K1 was not passed: never shown */", "skip")], STUCK),
    "successor_starts_behind_head": ("lane_spsc", "", [
        ("  STEP(next = head);\n  if :: me > 0", "  STEP(next = (head > 0 -> head - 1 : 0));\n  if :: me > 0")], ASSERTED),
    "lane_given_away_with_holds": ("lane_spsc", ARENA, [
        ("slot_word[SLOT] != next + 1 && hold_word[0] == 0 && hold_word[HOLDS - 1] == 0 ->", "slot_word[SLOT] != next + 1 ->"),
        ("assert(reader[0] == 0 && reader[1] == 0);", "skip;")], ASSERTED),
    "progress_starts_again": ("lane_spsc", GROWING, [           # the protocol as it was first written down
        ("         start = progress; seen = head;", "         STEP(progress = 0; start = 0); seen = head;")], ASSERTED),
    "progress_before_its_bytes": ("lane_spsc", GROWING, [
        ("         STEP(arena[r] = next + 1);\n         STEP(progress = start + 1; committed[next]++) ",
         "         STEP(progress = start + 1; committed[next]++);\n         STEP(arena[r] = next + 1) ")], ASSERTED),
    "torn_without_a_second_look": ("lane_spsc", GROWING, [
        ("STEP(was = progress);                 /* again, after the proof */", "skip;")], ASSERTED),

    # --- waiting
    "no_heavy_fence": ("wait", "", [("STEP(flush(0); flush(1)) fi;", "skip fi;")], STUCK),
    "fence_bit_ignored": ("wait", "-DFENCE=true", [("STEP(flush(r)); STEP(w = W) :: else fi;", "skip :: else fi;")], STUCK),
    "word_read_before_the_fence": ("wait", "-DFENCE=true", [("STEP(flush(r)); STEP(w = W) :: else fi;",
                                                           "STEP(flush(r)) :: else fi;")], STUCK),
    "unregistered_without_fence": ("wait", "-DFENCE=true", [
        ("if :: UNREGISTERED(r) -> STEP(flush(r)) :: else fi;", "skip;")], STUCK),
    "sleeper_without_fence": ("wait", "-DFENCE=true", [("STEP(drain_W(); deaths_seen = deaths);", "STEP(deaths_seen = deaths);")],
                              STUCK),
    "no_recheck_after_announce": ("wait", "", [
        ("     STEP(if :: published[0] > got[0] -> goto awake :: else fi);\n", "")], STUCK),
    "announce_without_count": ("wait", "-DPUBLISH0=2 -DPUBLISH1=1 -DSUCCESSOR=0", [
        ("STEP(count++; store_W(", "STEP(store_W(")], STUCK),
    "successor_sleeper_restarts_count": ("wait", "-DSLEEPERS=2 -DPUBLISH0=2 -DPUBLISH1=0 -DSUCCESSOR=0", [
        ("STEP(count = (has_pending -> W_pending : W) / 4);", "STEP(count = 0);")], STUCK),
    "successor_ringer_quiet_from_word": ("wait", "-DPUBLISH0=0 -DPUBLISH1=1 -DSUCCESSOR=1", [
        ("  for (i : 1 .. publish) {", "  quiet = W;\n  for (i : 1 .. publish) {")], STUCK),
    "bell_read_after_announce": ("wait", "", [
        ("     STEP(b = B);\n", ""),
        ("     STEP(if :: by_fd -> parked = true", "     STEP(b = B);\n     STEP(if :: by_fd -> parked = true")], STUCK),
    "quiet_without_ring": ("wait", "-DPUBLISH0=2 -DPUBLISH1=1 -DSUCCESSOR=0", [
        (":: w != quiet && (w & 1) == 1 ->", ":: w != quiet && (w & 1) == 1 && quiet != 0 -> quiet = w\n"
         "       :: w != quiet && (w & 1) == 1 && quiet == 0 ->")], STUCK),
    "quiet_forgets_asleep": ("wait", "-DPUBLISH0=2 -DPUBLISH1=1 -DSUCCESSOR=0", [
        ("if :: w == quiet -> skip", "if :: w / 4 <= quiet / 4 && quiet != 0 -> skip"),
        (":: w != quiet && (w & 1) == 0 -> quiet = w", ":: !(w / 4 <= quiet / 4 && quiet != 0) && (w & 1) == 0 -> quiet = w + 5"),
        (":: w != quiet && (w & 1) == 1 ->", ":: !(w / 4 <= quiet / 4 && quiet != 0) && (w & 1) == 1 ->")], STUCK),
    "ring_without_bell": ("wait", "", [("         STEP(B++);\n         if", "         if")], STUCK),
    "ring_before_publish": ("wait", "", [
        ("    STEP(buffered[r]++);                                      /* E1 */\n", ""),
        ("    w = 0\n", "    w = 0; STEP(buffered[r]++)\n")], STUCK),
    "by_fd_rung_by_futex": ("wait", "-DBY_FD=true", [("if :: (w & 2) == 2 -> STEP(bell = true)", "if :: false -> skip")], STUCK),
    "fd_emptied_after_the_look": ("wait", "-DBY_FD=true", [
        ("     STEP(if :: by_fd -> parked = true", "     if :: by_fd -> STEP(bell = false) :: else fi;\n     STEP(if :: by_fd -> parked = true")],
        STUCK),
    "no_bound": ("wait", "-DKILL_RINGER=true", [(":: deaths > deaths_seen   ", ":: false   ")], STUCK),
    "loud_without_bell": ("wait", "-DLOUD=true -DPUBLISH0=0 -DPUBLISH1=1 -DSUCCESSOR=0", [
        ("STEP(buffered[r]++); STEP(B++); STEP(if", "STEP(buffered[r]++); STEP(if")], STUCK),

    # --- the rows
    "parted_reused_before_drained": ("participants", "-DRECEIVERS=1 -DSWEEPS=0", [
        ("#define REUSABLE(s) (s == FREE", "#define REUSABLE(s) (s == PARTED || s == FREE")], ASSERTED),
    "parted_swept_with_left": ("participants", "-DRECEIVERS=1", [
        ("if :: s == LIVE || s == JOINING || s == LEFT ->", "if :: s == LIVE || s == JOINING || s == LEFT || s == PARTED ->")],
        ASSERTED),
    "dead_by_timeout": ("participants", "-DRECEIVERS=1 -DSWEEPS=0", [
        ("STEP(usable = (lock == 0));   ", "STEP(usable = true);   ")], ASSERTED),
    "declared_by_store": ("participants", "-DRECEIVERS=1 -DSWEEPS=0", [
        ("STEP(if :: IS(LIVE, g) -> state = DEAD; assert(dead[g]); s = DEAD :: else -> s = 255 fi)",
         "STEP(state = DEAD; assert(dead[g]); s = DEAD)")], ASSERTED),
    "declared_without_generation": ("participants", "-DRECEIVERS=1", [
        ("atomic { if :: !IS(s, g) -> skip", "atomic { if :: state != s -> skip"),
        (":: IS(s, g) && s == LIVE -> state = DEAD; generation = g;", ":: state == s && s == LIVE -> assert(lock == 0); state = DEAD;"),
        (":: IS(s, g) && s != LIVE ->", ":: state == s && s != LIVE ->")], ASSERTED),
    "freed_without_generation": ("participants", "-DRECEIVERS=1", [
        ("atomic { if :: !IS(s, g) -> skip", "atomic { if :: state != s || s == LIVE && generation != g -> skip"),
        (":: IS(s, g) && s != LIVE ->", ":: state == s && s != LIVE ->")], ASSERTED),
    "freed_before_acknowledged": ("participants", "-DRECEIVERS=1 -DSWEEPS=0", [
        ("do :: hold > 0 -> STEP(hold--) :: else -> break od;", "skip;")], ASSERTED),
    "freed_before_drained": ("participants", "-DRECEIVERS=1 -DSWEEPS=0", [
        ("                           :: else -> break fi) od", "                           :: true -> break fi) od")], ASSERTED),
    "drained_before_declared": ("participants", "-DRECEIVERS=1 -DSWEEPS=0", [
        ("        STEP(usable = (ready == 1));\n", "        if :: s != DEAD -> STEP(usable = (ready == 1)) :: else -> usable = false fi;\n")],
        ASSERTED),
    "join_ready_before_prepared": ("participants", "-DRECEIVERS=1 -DSWEEPS=0", [
        ("    STEP(prepared = mine);\n    STEP(ready = 1);\n", "    STEP(ready = 1);\n    STEP(prepared = mine);\n")], ASSERTED),
    "ready_of_the_predecessor": ("participants", "-DRECEIVERS=1 -DSWEEPS=0", [("    STEP(ready = 0);\n", "")], ASSERTED),
    "claimed_without_lock": ("participants", "-DRECEIVERS=1 -DSWEEPS=0", [
        ("STEP(if :: lock == 0 -> lock = me :: else -> s = 255 fi);", "STEP(lock = me);")], ASSERTED),
    "lock_freed_before_parted": ("participants", "-DRECEIVERS=1 -DSWEEPS=0", [
        ("    STEP(assert(IS(LIVE, mine)); state = PARTED; parted[mine] = true);\n    STEP(lock = 0);\n",
         "    STEP(lock = 0);\n    STEP(assert(IS(LIVE, mine)); state = PARTED; parted[mine] = true);\n")], ASSERTED),
    "successor_does_not_report": ("participants", "-DSWEEPS=0", [
        ("if :: s == DEAD && reported != g ->", "if :: s == DEAD && reported != g && me == 0 ->")], ASSERTED),

    # --- the name
    "named_before_filled": ("birth", "-DSENDER=false -DKILLED=1", [
        ("  STEP(complete[newer] = true);\n", ""),
        ("  mine = ROW(newer, 0);\n  goto settle;", "  STEP(complete[newer] = true); mine = ROW(newer, 0);\n  goto settle;")], ASSERTED),
    "named_before_live": ("birth", "-DSENDER=false -DKILLED=1", [
        ("  STEP(row[ROW(newer, 0)] = LIVE);\n", "")], ASSERTED),
    "replace_without_lock": ("birth", "-DSENDER=false -DKILLED=1", [
        ("must = (me == OWNERS + 1);\n  STEP(guard == 0 -> guard = me);", "must = (me == OWNERS + 1);")], ASSERTED),
    "lock_let_go_before_named": ("birth", "-DSENDER=false -DKILLED=1", [
        ("  STEP(made++; newer = made);", "  STEP(guard = 0); STEP(made++; newer = made);")], ASSERTED),
    "unlink_after_left": ("birth", "-DSENDER=false -DKILLED=1", [
        ("  STEP(f = name);                                             /* has_name, then unlink: two steps */\n",
         "  STEP(row[mine] = LEFT); STEP(f = name);\n")], ASSERTED),
    "unlink_without_looking": ("birth", "-DSENDER=false -DKILLED=1 -DREMOVER=true", [
        ("STEP(row[mine] = LEFT; judge());", "STEP(row[mine] = LEFT); STEP(name = 0; judge());")], ASSERTED),
    "half_replacement_not_removed": ("birth", "-DSENDER=false -DKEEP=false", [("STEP(next = 0);\n", "skip;\n")], ASSERTED),
    "dead_owner_not_asked": ("birth", "-DSENDER=false -DKILLED=1", [
        ("STEP(held = (lock[ROW(f, i)] != 0));", "STEP(held = false);")], ASSERTED),
    "leftover_never_replaced": ("birth", "-DSENDER=false -DKILLED=1", [
        ("STEP(held = (lock[ROW(f, i)] != 0));", "STEP(held = true);")], ASSERTED),
    "adopted_though_closed": ("birth", "-DOWNERS=1", [
        ("if :: KEEP && !held -> held = false; goto adopt", "if :: KEEP -> held = false; goto adopt")], ASSERTED),
    "recycled_before_arrived": ("birth", "", [
        ("STEP(if :: row[ROW(f, 0)] == DEAD && row[ROW(f, 1)] == DEAD -> row[ROW(f, 1)] = FREE :: else fi);",
         "STEP(if :: row[ROW(f, 0)] == DEAD -> row[ROW(f, 0)] = FREE :: else fi);"
         " STEP(if :: row[ROW(f, 1)] == DEAD -> row[ROW(f, 1)] = FREE :: else fi);")], ASSERTED),
    "witnesses_pile_up": ("birth", "-DSENDER=false", [
        ("STEP(if :: row[ROW(f, 0)] == DEAD && row[ROW(f, 1)] == DEAD -> row[ROW(f, 1)] = FREE :: else fi);", "skip;")], ASSERTED),
    "join_without_settle": ("birth", "-DOWNERS=1", [("STEP(held = (name == f));    ", "STEP(held = true);    ")], ASSERTED),
    "removed_without_lock": ("birth", "-DSENDER=false -DKILLED=1 -DREMOVER=true", [
        ("byte f, fate, i, s; bool held;\n  STEP(guard == 0 -> guard = me);", "byte f, fate, i, s; bool held;")], ASSERTED),

    # --- the directory of the names
    "locked_without_looking_again": ("directory", "", [
        ("  STEP(ok = (directory && lock == f));\n", "  ok = true;\n")], ASSERTED),
    "looked_before_the_shared_byte": ("directory", "", [
        ("  STEP(excl[f] == 0 -> shared[f]++; newer = f);\n  STEP(ok = (directory && lock == f));\n",
         "  STEP(ok = (directory && lock == f));\n  STEP(excl[f] == 0 -> shared[f]++; newer = f);\n")], ASSERTED),
    "shared_byte_not_taken": ("directory", "", [
        ("STEP(excl[f] == 0 -> shared[f]++; newer = f);", "STEP(excl[f] == 0 -> newer = f);"),
        ("STEP(shared[f]--; newer = 0); goto again", "STEP(newer = 0); goto again"),
        ("STEP(held[BYTE(f, n)] = 0; shared[f]--; newer = 0); ", "STEP(held[BYTE(f, n)] = 0; newer = 0); ")], ASSERTED),
    "exclusive_byte_not_taken": ("directory", "", [
        ("STEP(if :: shared[f] == 0 && excl[f] == 0 -> excl[f] = me; ok = true :: else -> ok = false fi);", "ok = true;")],
        ASSERTED),
    "another_file_of_locks_removed": ("directory", "", [("STEP(ok = (lock == f)); \\", "ok = true; \\")], ASSERTED),
    "looked_again_under_the_exclusive_byte": ("directory", "", [
        ("                 if :: ok -> \\\n", "                 STEP(ok = ok && EMPTY); \\\n                 if :: ok -> \\\n")],
        ASSERTED),
    "tidied_by_removers_alone": ("directory", "", [
        ("  TIDY(guard);  ", "  skip;  ")], ASSERTED),
    "tidied_under_the_name": ("directory", "", [
        ("  STEP(held[BYTE(f, n)] = 0; shared[f]--; newer = 0);         /* the guard goes, */\n  TIDY(guard); ",
         "  TIDY(guard); STEP(held[BYTE(newer, n)] = 0; shared[newer]--; newer = 0); ")], ASSERTED),
    "directory_removed_though_not_empty": ("directory", "", [
        ("STEP(if :: lock == 0 && EMPTY -> directory = false :: else fi) \\\n                    :: else fi; \\",
         "STEP(directory = false) \\\n                    :: else fi; \\")], ASSERTED),

    # --- the merge
    "closed_before_drained": ("merge", "-DKILLS=0", [
        ("       atomic { if :: known[r] && head[r] < sent[r] -> head[r]++; goto progress :: else fi };\n", ""),
        ("       atomic { st = row[r];                                  /* the row before the lane */",
         "       atomic { if :: known[r] && head[r] < sent[r] -> head[r]++; goto progress :: else fi };\n"
         "       atomic { st = row[r];                                  /* the row before the lane */")], ASSERTED),
    "closed_while_the_rows_change": ("merge", "-DKILLS=0", [
        ("     now = changes;\n     if :: now != seen -> goto scan :: else fi;\n     if :: nobody", "     if :: nobody")], ASSERTED),
    "changes_seen_after_the_scan": ("merge", "-DKILLS=0", [
        ("  all_said = false; seen = changes;", "  all_said = false;"),
        ("  r = 0;\n  do\n", "  r = 0; seen = changes;\n  do\n")], ""),
    "changes_not_looked_at_before_sleep": ("merge", "-DKILLS=0", [
        ("     now = changes;\n     if :: now != seen -> goto awake :: else fi;\n", "")], STUCK),
    "join_without_change": ("merge", "-DKILLS=0", [
        ("  STEP(ready[r] = true; ever_ready = true);\n  STEP(changes++);", "  STEP(ready[r] = true; ever_ready = true);")], ""),
    "change_before_ready": ("merge", "-DKILLS=0", [
        ("  STEP(ready[r] = true; ever_ready = true);\n  STEP(changes++);\n  RING;",
         "  STEP(changes++);\n  RING;\n  STEP(ready[r] = true; ever_ready = true);")], STUCK),
    "leave_without_ring": ("merge", "-DKILLS=0", [
        ("  STEP(row[r] = PARTED);\n  STEP(changes++);\n  RING;", "  STEP(row[r] = PARTED);\n  STEP(changes++);")], STUCK),
    "send_without_ring": ("merge", "-DKILLS=0", [("STEP(sent[r]++); RING }", "STEP(sent[r]++) }")], STUCK),
    "only_one_lane_looked_at": ("merge", "-DKILLS=0", [
        ("{ atomic { if :: known[r] && head[r] < sent[r] -> goto awake", "{ atomic { if :: r == 0 && known[r] && head[r] < sent[r] -> goto awake")],
        ""),
    "death_reported_before_last_message": ("merge", "-DKILLS=1", [
        ("            atomic { if :: st == DEAD -> reported", "            skip\n          :: false -> atomic { if :: st == DEAD -> reported"),
        ("         if :: st == PARTED || st == DEAD -> known[r] = ready[r] :: else fi };",
         "         if :: st == PARTED || st == DEAD -> known[r] = ready[r] :: else fi };\n"
         "       if :: st == DEAD || st == PARTED -> atomic { if :: st == DEAD -> reported[r]++; assert(head[r] == sent[r]);"
         " dead_in[r] = false :: else fi; row[r] = FREE } :: else fi;")], ASSERTED),
    "rows_not_asked_at_the_bound": ("merge", "-DKILLS=1", [
        ("            :: st == LIVE && !held[r] -> row[r] = DEAD; st = DEAD\n", "")], STUCK),

    # --- semaphore and permits
    "permit_without_helping": ("semaphore", "", [("        if :: HOLDS -> help() :: else fi;\n", "")], ASSERTED),
    "given_back_without_helping": ("semaphore", "-DCOUNT=2 -DHOLDERS=2 -DTAKERS=0", [("       help();\n       STEP(ok = SAME; if :: ok -> count = c + 1;",
                                                     "       STEP(ok = SAME; if :: ok -> count = c + 1;")], ASSERTED),
    "helped_unless_the_count_moved": ("semaphore", "", [           # the code as it was first written down
        (":: t == GIVEN_BACK(h) && m == HELD -> STEP(ok = (tag == t));", ":: t == GIVEN_BACK(h) && m == HELD -> STEP(ok = SAME);")],
        ASSERTED),
    "helped_without_looking_at_the_tag_again": ("semaphore", "-DCOUNT=1 -DHOLDERS=2 -DTAKERS=0 -DROUNDS=2", [
        (":: t == GIVEN_BACK(h) && m == HELD -> STEP(ok = (tag == t));", ":: t == GIVEN_BACK(h) && m == HELD -> ok = true;"),
        ("STEP(if :: more[h] == m && claim[h] == k -> more[h] = RETURNED :: else fi) :: else fi\n    :: else",
         "STEP(if :: more[h] == m -> more[h] = RETURNED :: else fi) :: else fi\n    :: else")], STUCK),
    "claimed_taken_for_taken": ("semaphore", "", [("if :: t == TAKEN(n) -> STEP(if :: more[n] == CLAIMED", "if :: true -> STEP(if :: more[n] == CLAIMED")],
                                ASSERTED),
    "claimed_taken_for_untaken": ("semaphore", "", [("if :: t == TAKEN(n) -> STEP(if :: more[n] == CLAIMED", "if :: false -> STEP(if :: more[n] == CLAIMED")],
                                  ""),
    "settled_without_a_second_look": ("semaphore", "-DCOUNT=1 -DHOLDERS=3 -DTAKERS=0", [
        ("STEP(ok = (more[n] == gm && claim[n] == gk));", "ok = true;")], ASSERTED),
    "given_back_twice_unless_the_tag_says_so": ("semaphore", "", [
        ("if :: t == GIVEN_BACK(n) -> break :: else fi;", "skip;")], ASSERTED),
    "note_after_the_count": ("semaphore", "", [
        ("    STEP(about[me] = true);\n    wait_and_take(me, true);\n", "    wait_and_take(me, true);\n    STEP(about[me] = true);\n")],
        ""),
    "settled_while_it_lives": ("semaphore", "", [
        (":: n < HOLDERS && about[n] && dead[n] ->", ":: n < HOLDERS && about[n] ->"),
        (":: n < HOLDERS && !(about[n] && dead[n]) ->", ":: n < HOLDERS && !about[n] ->")], ASSERTED),
    "taken_without_the_bit": ("semaphore", GIVING, [("flag = (b || slept);", "flag = b;")], STUCK),
    "taken_without_waking_the_next": ("semaphore", GIVING, [
        ("if :: slept && c > 1 -> STEP(wake_one()) :: else fi; break :: else fi   /* S1 */", "break :: else fi")], STUCK),
    "gives_up_without_the_bit": ("semaphore", GIVING_UP, [("STEP(flag = true; c = count); ", "STEP(c = count); ")],
                                 STUCK),
    "gives_up_without_waking_the_next": ("semaphore", GIVING_UP, [
        ("           if :: c > 0 -> STEP(wake_one()) :: else fi; ok = false; break", "           ok = false; break")], STUCK),
    "sleeps_without_looking": ("semaphore", GIVING, [("STEP(if :: count == 0 && flag -> asleep[me] = true :: else fi);",
                                                     "STEP(asleep[me] = true);")], STUCK),
    "gives_many_and_wakes_one": ("semaphore", "-DCOUNT=0 -DHOLDERS=0 -DTAKERS=2 -DKILL=false -DGIVE=1 -DPILE=2 -DKEEP=true", [
        (":: b && w < PILE -> wake_one()", ":: b && w < 1 -> wake_one()"),
        ("if :: slept && c > 1 -> STEP(wake_one()) :: else fi; break :: else fi   /* S1 */", "break :: else fi")], STUCK),
    "permit_without_a_bound": ("semaphore", "", [(":: deaths > seen -> asleep[me] = false", ":: false -> skip")], STUCK),

    # --- barrier
    "ended_by_more_than_one_step": ("barrier", "-DKILL=false -DIMPATIENT=true", [
        ("STEP(ok = SAME; if :: ok -> bits = b & (7 - BIT(p)); came[f]-- :: else fi);",
         "STEP(ok = true; bits = bits & (7 - BIT(p)); came[f]--);")], ""),
    "gone_on_without_the_dead": ("barrier", "", [
        (":: deaths > seen -> seen = deaths; r = era; breaks() ::", ":: deaths > seen -> seen = deaths ::")], STUCK),
    "broken_without_a_wake": ("barrier", "-DN=3 -DMEMBERS=3 -DROUNDS=1", [
        ("        if :: w -> STEP(wake_all()) :: else fi\n", ""),
        ("(q != 0 && RESET_OF(q) == r && dead[MEMBER_OF(q)])); i++", "(q != 0 && RESET_OF(q) == r && dead[MEMBER_OF(q)] && me == 1)); i++")],
        STUCK),
    "ended_without_a_wake": ("barrier", "-DKILL=false", [("if :: last && s -> STEP(wake_all()) :: else fi;", "skip;")], STUCK),
    "slept_without_telling": ("barrier", "-DKILL=false", [
        ("if :: ok -> somebody = true :: else fi", "skip"), ("broken == k && somebody -> asleep", "broken == k -> asleep")], STUCK),
    "slept_without_looking": ("barrier", "-DKILL=false", [
        ("STEP(if :: phase == f && resets == r && broken == k && somebody -> asleep[me] = true :: else fi);",
         "STEP(asleep[me] = true);")], STUCK),
    "place_of_a_later_reset_taken": ("barrier", "-DRESETTER=true -DKILL=false", [   # the code as it was first written down
        ("STEP(q = place[p]; if :: q == 0 || RESET_OF(q) < r ->", "STEP(q = place[p]; if :: q == 0 || RESET_OF(q) != r ->")],
        ASSERTED),
    "reset_without_a_wake": ("barrier", "-DRESETTER=true -DKILL=false", [("STEP(wake_all());\ndied: skip", "died: skip")], STUCK),
    "arrived_without_a_place": ("barrier", "", [("place[p] = MINE(r); ok = true; known = true", "ok = true; known = true")], STUCK),

    # --- mutex
    "mutex_owner_stamped_after": ("mutex", "", [
        ("if :: ok -> owner = me; waiters = w || slept; assert(inside == 0); inside = me :: else fi);",
         "if :: ok -> owner = 9; waiters = w || slept; assert(inside == 0); inside = me :: else fi);"
         " if :: ok -> STEP(owner = me) :: else fi;"),
        ("bool asleep[USERS + 1], dead[USERS + 1];", "bool asleep[10], dead[10];")], ""),
    "mutex_timeout_as_death": ("mutex", "-DKILL=false", [
        (":: o != 0 && dead[o] ->", ":: o != 0 ->")], ASSERTED),
    "mutex_death_not_marked": ("mutex", "", [
        ("owner = 0; waiters = false; dirty = true :: else fi);", "owner = 0; waiters = false :: else fi);")], ASSERTED),
    "mutex_declared_dead_late": ("mutex", "-DROUNDS=2", [
        ("STEP(ok = SAME; if :: ok -> owner = 0; waiters = false; dirty = true :: else fi);",
         "STEP(ok = true; owner = 0; waiters = false; dirty = true);")], ASSERTED),
    "mutex_comes_in_alone": ("mutex", "-DKILL=false -DROUNDS=2", [
        ("waiters = w || slept; assert", "waiters = w; assert")], STUCK),   # glibc bug 20973
    "mutex_left_without_a_wake": ("mutex", "-DKILL=false", [
        ("    if :: w -> STEP(wake_one()) :: else fi;", "    skip;")], STUCK),
    "mutex_slept_without_telling": ("mutex", "-DKILL=false", [
        ("if :: ok -> waiters = true :: else fi); w = true", "skip)")], STUCK),
    "mutex_slept_without_looking": ("mutex", "-DKILL=false", [
        ("STEP(if :: SAME -> asleep[me] = true :: else fi);", "STEP(asleep[me] = true);")], STUCK),
    "mutex_without_a_bound": ("mutex", "", [
        (" :: deaths > seen -> asleep[me] = false :: can", " :: can")], STUCK),

    # --- rwlock
    "rwlock_looked_before_it_said": ("rwlock", "-DKILLS=0", [
        ("    :: STEP(says[me] = reads);                                      /* F1 */\n"
         "       STEP(g = gate; seen = deaths; if :: g == 0 && !dirty -> reading++; in = true; assert(writing == 0) :: else fi);",
         "    :: STEP(g = gate; seen = deaths; if :: g == 0 && !dirty -> in = true :: else fi);"
         " STEP(says[me] = reads; if :: in -> reading++; assert(writing == 0) :: else fi);")], ASSERTED),
    "rwlock_readers_looked_for_before_the_gate": ("rwlock", "-DKILLS=0", [
        ("    do :: atomic { if :: gate == 0 -> gate = me; break",
         "    (says[1] != reads && says[2] != reads);\n    do :: atomic { if :: gate == 0 -> gate = me; break"),
        ("                 :: says[r] == reads && !dead[r] -> found = true\n", "")], ASSERTED),
    "rwlock_dead_reader_waited_for": ("rwlock", "", [
        ("if :: says[r] == reads && dead[r] -> says[r] = nothing     /* settled: forgotten */\n"
         "                 :: says[r] == reads && !dead[r] -> found = true",
         "if :: says[r] == reads -> found = true")], STUCK),
    "rwlock_left_without_a_word": ("rwlock", "-DKILLS=0", [
        ("    if :: g != 0 -> STEP(say_left()) :: else fi;\n", "")], STUCK),
    "rwlock_stepped_back_without_a_word": ("rwlock", "-DKILLS=0", [
        ("       STEP(say_left());\n       STEP(g = gate; c", "       STEP(g = gate; c")], STUCK),
    "rwlock_count_read_after_the_notes": ("rwlock", "-DKILLS=0", [
        ("       STEP(if :: left == l -> asleep", "       STEP(l = left);\n       STEP(if :: left == l -> asleep")], STUCK),
    "rwlock_one_reader_woken": ("rwlock", "-DKILLS=0", [
        ("    if :: c -> STEP(wake_readers()) :: else fi;", "    if :: c -> STEP(asleep[1] = false) :: else fi;")], STUCK),
    "rwlock_reader_without_a_bound": ("rwlock", "", [
        ("asleep[me] = true :: else fi);\n         atomic { if :: !asleep[me] :: deaths > seen -> asleep[me] = false ::",
         "asleep[me] = true :: else fi);\n         atomic { if :: !asleep[me] ::")], STUCK),
}
