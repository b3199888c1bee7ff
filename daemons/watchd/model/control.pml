/* Who may trade, and when: fence, token, lease, epoch, vetoes, state file, arm, clear and kill, with every crash.
 *
 *   page     token, lease, epoch, reason: watchd writes, the gateway reads; survives processes, not the machine
 *   vetoes   the operator's word, and the one of each braind in its own ring
 *   disk     what a reader finds (cur) and what a power failure may go back to (synced)
 *   Watchd   instances under one lock: start, restore, arm, renew, disarm, kill, clear; and their scribe
 *   Gateway  the thread of one feedd after the other: look, decide, send, look again, cancel, say `drained`
 *   World    time, crashes, power, new brainds, vetoes, a state file that is damaged or gone
 *
 * Braind is the worst that it can be: any intent of any epoch, in whatever queue the gateway is attached to. People are
 * choices that Watchd's loop leaves open. README.md says which function each step is and what is left out.
 *
 * An assertion's name stands beside it. Each MUTANT_x breaks one rule, and an assertion must then fail: so none of
 * them holds because nothing ever gets there (tests/watchd/test_model.py runs them all).
 */

/* Bounds; `make model` has larger ones. */
#ifndef EPOCHS
#define EPOCHS 2        /* armings */
#endif
#ifndef FEEDDS
#define FEEDDS 2        /* lives of feedd */
#endif
#ifndef RINGS
#define RINGS 2         /* generations of intents.ring */
#endif
#ifndef INSTANCES
#define INSTANCES 2     /* of watchd, each may start again and again */
#endif
#ifndef CRASHES
#define CRASHES 1       /* of watchd */
#endif
#ifndef POWERS
#define POWERS 0        /* failures of the machine */
#endif
#ifndef DAMAGES
#define DAMAGES 0       /* of the state file */
#endif
#ifndef VETOES
#define VETOES 1        /* of the operator */
#endif
#ifndef LEASE
#define LEASE 2         /* ticks that a renewal is good for */
#endif
#ifndef ARM_ON_START
#define ARM_ON_START 1
#endif

/* What the disk can say; with those below, watchd's phases. */
#define DISARMED  1
#define ARMED     2
#define KILLED    3
#define DAMAGED   4     /* or missing */
#define ARMING    5
#define DISARMING 6
#define KILLING   7

/* page */
byte tok_e, tok_f, tok_i;       /* token of (epoch, feedd, ring), one word, stored and loaded at once; tok_e 0: closed */
byte page_epoch;
byte lease;                     /* ticks to the deadline; 0: it is past */
bit  page_kill;                 /* the reason is a kill */

/* vetoes */
byte op_veto;                   /* 0, or the stamp of the operator's veto */
bit  ring_veto[RINGS + 1];

/* feedd, braind, gateway.state */
byte feedd = 1, ring = 1;       /* the generations that have the names now */
bit  feedd_up = 1, feedd_dies;
byte g_attached, g_latched, g_drained;
bit  g_says_open;               /* fence_open */
bit  g_open;                    /* an order is open or on its way */

/* disk */
byte cur = DISARMED, synced = DISARMED;

/* watchd, as far as others see it */
byte lock;                      /* 0, or the instance that holds it */
bit  dies[3];
byte due[3];                    /* ticks to the deadline that an instance believes in */
byte in_hand[3];                /* ticks to the one that it has computed and not stored yet */
byte veto_handled;              /* stamp of the veto that was made a kill */
byte may_zero;                  /* stamp of the veto that a person's ctl takes back, its clear being answered */

/* For the assertions alone. */
byte permit;                    /* who arms: 0 nobody, 1 a person, 2 arm_on_start */
bit  must_clear;                /* killed, and not cleared by a person */
bit  must_start;                /* killed, and since then neither armed by a person nor found disarmed at a start */
bit  told_killed;               /* a person was told that the suite is killed for good */
bit  kill_done;                 /* a kill took all its steps, and nobody cleared it yet */
byte over;                      /* bit e: epoch e lapsed and nobody had a renewal for it in hand */
byte seen_over;                 /* bit e: the gateway saw epoch e lapsed */
bit  shut_since;                /* something said no since the gateway began its look */

byte crashes, powers, damages, veto_sets;
#ifdef LIVENESS
bit  frozen;
/* Under weak fairness: a watchd that never moves again leaves nothing open and nothing sent, from some moment on. */
ltl frozen_leads_to_silence { [] (frozen -> <> [] !g_open) }
#endif

#define BIT(e) (1 << (e))

inline note_lapse() {
  if
  :: tok_e != 0 && lease == 0 && due[1] == 0 && due[2] == 0 && in_hand[1] == 0 && in_hand[2] == 0 ->
     over = over | BIT(tok_e); shut_since = 1
  :: else
  fi
}

inline note_kill() { must_clear = 1; must_start = 1 }

/* FenceWriter.close and set_reason: a crash may come in between. */
inline close_fence(kill) {
  d_step {
    permit = 0;
    if
    :: tok_e != 0 ->
       tok_e = 0; tok_f = 0; tok_i = 0; shut_since = 1;
       if :: kill -> note_kill() :: else fi
    :: else
    fi
  };
  d_step {
    page_kill = kill; lease = 0; due[me] = 0;
    if :: kill -> note_kill() :: else fi
  }
}

#ifdef MUTANT_ARM_DESPITE_VETO
#define VETOED (ring_veto[ring])
#else
#define VETOED (op_veto || ring_veto[ring])
#endif
/* arming.blockers */
#define UNBLOCKED (!VETOED && feedd_up && g_attached == ring && !g_open)
#define DRAINED (g_drained == page_epoch && !g_open)
#define QUIET (!g_says_open && !g_open)

#ifdef MUTANT_DISARM_WITHOUT_DRAIN
#define MAY_DISARM (!g_open)
#else
#define MAY_DISARM DRAINED
#endif
#ifdef MUTANT_KILL_WITHOUT_DRAIN
#define KILL_OVER (!feedd_up || !g_open)
#elif defined(MUTANT_KILL_GIVES_UP)
#define KILL_OVER 1
#else
#define KILL_OVER (!feedd_up || QUIET)
#endif
#ifdef MUTANT_CLEAR_WITHOUT_DRAIN
#define MAY_CLEAR (!g_open)
#else
#define MAY_CLEAR QUIET
#endif

/* ------------------------------------------------------------------------------------------------------ watchd */

proctype Watchd(byte me) {
  byte phase, job;              /* job: the record that the scribe is to save; 0: what is on the disk is durable */
  byte zeroes;                  /* of a clear under way: the veto that it found */
  byte bound_f, bound_i;        /* the feedd and the ring that were looked at when arming was decided */
  bit renamed, arms_itself, clearing;

again:
  {
#ifdef MUTANT_NO_LOCK
    lock = me;
#else
    atomic { lock == 0 -> lock = me };                                         /* DaemonLock, held for life */
#endif
    if                                                                         /* closed before anything else */
    :: tok_e != 0 -> close_fence(1)
    :: else
    fi;
    atomic {                                                                   /* restore.restored */
      veto_handled = 0;
#ifdef MUTANT_AUTO_AFTER_CLEAR
      arms_itself = ARM_ON_START;
#endif
      if
      :: cur == DISARMED && !page_kill -> phase = DISARMED; arms_itself = ARM_ON_START; must_start = 0
#ifdef MUTANT_PAGE_FORGOTTEN
      :: cur == DISARMED && page_kill -> phase = DISARMED; arms_itself = ARM_ON_START; must_start = 0
#else
      :: cur == DISARMED && page_kill -> phase = KILLED; job = KILLED
#endif
      :: cur == KILLED -> phase = KILLED
#ifdef MUTANT_START_RESUMES
      :: cur == ARMED && UNBLOCKED && page_epoch < EPOCHS -> phase = ARMING; job = ARMED
      :: cur == ARMED && !(UNBLOCKED && page_epoch < EPOCHS) -> phase = KILLING; job = KILLED
#else
      :: cur == ARMED -> phase = KILLING; job = KILLED                         /* the last run died armed */
#endif
#ifdef MUTANT_MISSING_IS_DISARMED
      :: cur == DAMAGED -> phase = DISARMED; arms_itself = ARM_ON_START
#else
      :: cur == DAMAGED -> phase = KILLED; job = KILLED
#endif
      fi
    };
    if                                                                         /* killed: the page says so as well */
#ifdef MUTANT_PAGE_NOT_TOLD
    :: phase == KILLING -> close_fence(1)
#else
    :: phase == KILLING || phase == KILLED -> close_fence(1)
#endif
    :: else
    fi;

    do
    /* durable.replace: a temporary is written and fsynced, then renamed over the name … */
    :: job != 0 && !renamed ->
       if
       :: atomic {
            cur = job; renamed = 1;
            assert(cur != DISARMED || (tok_e == 0 && !g_open))                 /* DISARMED_MEANS_NOTHING_OPEN */
          }
       :: goto not_saved                                                       /* disk full: the old name stands */
       fi
    /* … then the directory is fsynced; and the monitor takes the completion */
#ifdef MUTANT_DONE_BEFORE_FSYNC
    :: renamed ->
#else
    :: atomic { renamed -> synced = cur };
#endif
       if
       :: atomic {                                                             /* _finish_arming: looks again */
            phase == ARMING && job == ARMED && UNBLOCKED ->
            assert(permit != 0);                                               /* ARMED_BY_ARMING_ALONE */
            assert(!must_clear);                                               /* CLEARED_FIRST */
            assert(permit == 1 || !must_start);                                /* PERSON_AFTER_A_KILL */
            if :: permit == 1 -> must_start = 0 :: else fi;
            permit = 0; job = 0; renamed = 0;
            phase = ARMED; bound_f = feedd; bound_i = ring; due[me] = LEASE
          };
          atomic { page_epoch++; lease = due[me] };                            /* FenceWriter.open */
          atomic {
            tok_e = page_epoch; tok_f = bound_f; tok_i = bound_i;
            assert(cur == ARMED && synced == ARMED);                           /* ARMED_IS_DURABLE_FIRST */
            bound_f = 0; bound_i = 0;
            note_lapse()
          }
       :: atomic {
            phase == ARMING && job == ARMED && !(UNBLOCKED) ->
            phase = DISARMING; permit = 0; job = DISARMED; renamed = 0
          }
       :: atomic { phase == DISARMING && job == DISARMED -> phase = DISARMED; job = 0; renamed = 0 }
       :: atomic {                                                             /* _finish_clearing */
            phase == KILLED && clearing ->
            phase = DISARMED; job = 0; renamed = 0;
            if :: op_veto == 0 || op_veto == zeroes -> must_clear = 0 :: else fi; /* a later veto is not */
            may_zero = zeroes; zeroes = 0; clearing = 0
          };
          page_kill = 0
       :: atomic {                                                             /* also: a save that a kill overtook */
            (phase == KILLED && !clearing) || phase == KILLING ->
            job = (job == KILLED -> 0 : KILLED); renamed = 0
          }
       fi;
       told_killed = (phase == KILLED && job == 0)
    /* EIO, behind the rename: the new name may stand or not */
    :: renamed ->
not_saved:
       atomic {
         renamed = 0;
         if
         :: phase == ARMING -> phase = DISARMING; permit = 0; job = DISARMED
         :: phase == KILLED || phase == KILLING -> clearing = 0; zeroes = 0; job = KILLED
         :: else                                                               /* Ledger.retry */
         fi
       }
    /* begin_arming: a person, or arm_on_start */
    :: atomic {
         phase == DISARMED && job == 0 && UNBLOCKED && page_epoch < EPOCHS ->
         if
         :: permit = 1
         :: arms_itself -> permit = 2
         fi;
         arms_itself = 0; phase = ARMING; job = ARMED
       }
    /* renew, at the end of a full pass: computed, then stored */
#ifdef MUTANT_RENEW_LAPSED
    :: atomic { phase == ARMED -> due[me] = LEASE; in_hand[me] = LEASE };
#else
    :: atomic { phase == ARMED && due[me] > 0 -> due[me] = LEASE; in_hand[me] = LEASE };
#endif
#ifdef MUTANT_RENEW_FROM_NOW
       atomic { lease = LEASE; in_hand[me] = 0; note_lapse() }
#else
       atomic { lease = in_hand[me]; in_hand[me] = 0; note_lapse() }
#endif
    /* begin_closing: a person, an orderly stop, a lapsed lease */
    :: phase == ARMED ->
#ifdef MUTANT_DISARM_BEFORE_CLOSE
       atomic { phase = DISARMING; job = DISARMED }
#elif defined(MUTANT_DRAINED_SEEN_BEFORE)
       if
       :: DRAINED -> close_fence(0); atomic { phase = DISARMING; job = DISARMED }
       :: else -> close_fence(0); phase = DISARMING
       fi
#else
       close_fence(0);
       phase = DISARMING
#endif
    /* _advance_closing: what was seen since the fence was closed counts, nothing older */
    :: atomic { phase == DISARMING && job == 0 && MAY_DISARM -> job = DISARMED }
    /* begin_kill: anybody and anything, in any phase; `killed` goes to the disk at once, behind a save under way */
    :: phase != KILLING && (phase != KILLED || (op_veto && op_veto != veto_handled)) ->
       close_fence(1);
       atomic {
         phase = KILLING; clearing = 0; zeroes = 0; veto_handled = op_veto; told_killed = 0;
         job = (renamed -> job : KILLED);
#ifndef MUTANT_AUTO_AFTER_CLEAR
         arms_itself = 0
#endif
       }
    /* Kill.advance: drained, or SIGKILL for feedd */
    :: atomic {
         phase == KILLING && KILL_OVER ->
         phase = KILLED; kill_done = 1;
#ifdef MUTANT_TOLD_BEFORE_DURABLE
         told_killed = 1;
#else
         told_killed = (job == 0);
#endif
         assert(!g_open)                                                       /* KILLED_MEANS_NOTHING_OPEN */
       }
    :: atomic { phase == KILLING && feedd_up && !feedd_dies -> feedd_dies = 1 }
    /* _clear: a person, when feedd says that nothing is open */
    :: atomic {
         phase == KILLED && job == 0 && feedd_up && MAY_CLEAR && (!op_veto || op_veto == veto_handled) ->
         told_killed = 0; kill_done = 0; job = DISARMED; clearing = 1; zeroes = op_veto
       }
    od
  } unless {
    if
    :: atomic {
         dies[me] ->
         dies[me] = 0; due[me] = 0; in_hand[me] = 0;
         if :: lock == me -> lock = 0 :: else fi;
         if
         :: cur != DISARMED -> note_kill()                                     /* the next one must find it killed */
         :: cur == DISARMED && clearing && !op_veto -> must_clear = 0          /* that clear got as far as the disk */
         :: else
         fi;
         permit = 0; phase = 0; job = 0; renamed = 0; clearing = 0; zeroes = 0; bound_f = 0; bound_i = 0;
         arms_itself = 0;
         note_lapse()
       }
#ifdef LIVENESS
    :: frozen -> false                                                         /* SIGSTOP, and nobody to wake it */
#endif
    fi
  };
  goto again
}

/* ----------------------------------------------------------------------------------------------------- gateway */

#ifdef MUTANT_TOKEN_WITHOUT_FEEDD
#define FOR_THIS_FEEDD 1
#else
#define FOR_THIS_FEEDD (tok_f == feedd)
#endif
#ifdef MUTANT_TOKEN_WITHOUT_RING
#define FOR_THIS_RING 1
#else
#define FOR_THIS_RING (tok_i == g_attached)
#endif
#ifdef MUTANT_NO_LEASE_CHECK
#define LAPSED 0
#else
#define LAPSED (lease == 0)
#endif
#ifdef MUTANT_NO_LATCH
#define LATCHED 0
#else
#define LATCHED (g_latched == ep)
#endif

proctype Gateway() {
  byte te, tf, ti, ep, ie;
  bit ok, shut, in_window;

again:
  {
    do
    :: atomic { g_attached != ring -> g_attached = ring }
    :: atomic { g_open -> g_open = 0 }                                         /* filled, or cancelled by the venue */
    /* FenceWatch.look: snapshot_of, then the vetoes, then what it tells */
    :: atomic {
         te = tok_e; tf = tok_f; ti = tok_i; ep = page_epoch; shut_since = 0;
#ifdef MUTANT_TOKEN_IGNORED
         ok = 1;
#else
         ok = te != 0 && te == ep && FOR_THIS_FEEDD && FOR_THIS_RING;
#endif
         if
         :: ok && LAPSED -> g_latched = ep; seen_over = seen_over | BIT(ep); ok = 0
         :: ok && !LAPSED && LATCHED -> ok = 0
         :: ok && !LAPSED && !LATCHED -> g_latched = 0
         :: else
         fi;
         shut = !ok
       };
       atomic {
#ifndef MUTANT_NO_OPERATOR_VETO
         if :: op_veto -> ok = 0; shut = 1 :: else fi;
#endif
#ifndef MUTANT_NO_BRAIND_VETO
         if :: ring_veto[g_attached] -> ok = 0 :: else fi;
#endif
       };
#ifdef MUTANT_DRAINED_STICKS
#define TOLD g_says_open
#else
#define TOLD (g_says_open && g_drained != ep)
#endif
       if
       :: ok && !TOLD ->                                                       /* opens: told, then looked at anew */
          atomic {
            g_says_open = 1;
#ifndef MUTANT_DRAINED_STICKS
            if :: g_drained == ep -> g_drained = 0 :: else fi
#endif
          }
#ifdef MUTANT_TOLD_LATE
          ; goto send
#endif
       :: ok && TOLD ->
send:
          select(ie : 0 .. EPOCHS);                                            /* an intent, if there is one */
          if
#ifdef MUTANT_NO_EPOCH_CHECK
          :: ie != 0 ->
#else
          :: ie != 0 && ie == ep ->
#endif
             atomic {                                                          /* sent */
               in_window = shut_since;
               assert(te != 0);                                                /* OPEN */
               assert(cur != DISARMED && synced != DISARMED);                  /* DISARMED_MEANS_NOTHING_OPEN */
               assert(!kill_done);                                             /* KILLED_MEANS_NOTHING_OPEN */
               assert(!(seen_over & BIT(ep)));                                 /* LATCHED_FOR_GOOD */
               assert(tf == feedd);                                            /* OWN_FEEDD */
               assert(ti == g_attached);                                       /* OWN_QUEUE */
               assert(ie == te);                                               /* OWN_EPOCH */
               if
               :: !in_window ->
                  assert(!(over & BIT(ep)));                                   /* LEASE_CURRENT */
                  assert(!op_veto && !ring_veto[g_attached])                   /* NO_VETO */
               :: else
               fi;
               g_open = 1
             };
             atomic {                                                          /* looks again, cancels at once */
#ifndef MUTANT_NO_LOOK_AFTER
               if
               :: tok_e != te || tok_f != tf || tok_i != ti || lease == 0 || op_veto || ring_veto[g_attached] ->
                  g_open = 0
               :: else
               fi;
#endif
               assert(!in_window || !g_open)                                   /* WINDOW_IS_CANCELLED */
             }
          :: else                                                              /* none, or WRONG_EPOCH */
          fi
       :: atomic { !ok && shut && g_open -> g_says_open = 0; g_open = 0 }      /* cancels what rests */
       :: atomic { !ok && shut && !g_open -> g_says_open = 0; g_drained = ep }
       :: !ok && !shut -> g_says_open = 0
       fi;
       atomic { te = 0; tf = 0; ti = 0; ep = 0; ie = 0; ok = 0; shut = 0; in_window = 0; shut_since = 0 }
    od
  } unless {
    atomic {                                                                   /* what rests, the venue cancels */
      feedd_dies;
      feedd_dies = 0; feedd_up = 0; g_says_open = 0; g_open = 0; shut_since = 0;
      te = 0; tf = 0; ti = 0; ep = 0; ie = 0; ok = 0; shut = 0; in_window = 0
    }
  };
  atomic { feedd < FEEDDS -> feedd++; feedd_up = 1; g_attached = 0; g_latched = 0; g_drained = 0 };
  goto again
}

/* ------------------------------------------------------------------------------------------------------- world */

proctype World() {
  do
  :: atomic {                                                                  /* time passes for every deadline */
       lease + due[1] + due[2] + in_hand[1] + in_hand[2] > 0 ->
       if :: lease > 0 -> lease-- :: else fi;
       if :: due[1] > 0 -> due[1]-- :: else fi;
       if :: due[2] > 0 -> due[2]-- :: else fi;
       if :: in_hand[1] > 0 -> in_hand[1]-- :: else fi;
       if :: in_hand[2] > 0 -> in_hand[2]-- :: else fi;
       note_lapse()
     }
  :: atomic { crashes < CRASHES && lock != 0 -> crashes++; dies[lock] = 1 }
#ifdef LIVENESS
  :: atomic { !frozen -> frozen = 1 }
#endif
  :: atomic { feedd_up && !feedd_dies && feedd < FEEDDS -> feedd_dies = 1 }
  :: atomic { ring < RINGS -> ring++ }                                         /* the old braind may live on */
  :: atomic {
       veto_sets < VETOES ->
       veto_sets++; op_veto = veto_sets; shut_since = 1; note_kill()
     }
  :: atomic {                                                                  /* ctl, behind its clear's answer */
       may_zero ->
#ifdef MUTANT_ANY_VETO_TAKEN_BACK
       op_veto = 0;
#else
       if :: op_veto == may_zero -> op_veto = 0 :: else fi;
#endif
       may_zero = 0
     }
  :: atomic {
       !ring_veto[ring] ->
       ring_veto[ring] = 1;
       if :: g_attached == ring -> shut_since = 1 :: else fi
     }
  :: atomic { damages < DAMAGES && lock == 0 -> damages++; cur = DAMAGED; synced = DAMAGED; note_kill() }
#if POWERS
  :: atomic {
       powers < POWERS ->
       powers++;
       if :: cur = synced :: synced = cur fi;
       assert(!told_killed || cur != DISARMED);                                /* KILLED_SURVIVES_POWER */
       tok_e = 0; tok_f = 0; tok_i = 0; lease = 0; page_kill = 0; op_veto = 0; may_zero = 0; ring_veto[ring] = 0;
       dies[1] = 1; dies[2] = INSTANCES > 1; feedd_dies = feedd_up;
       g_attached = 0; g_latched = 0; g_drained = 0; g_says_open = 0; g_open = 0; shut_since = 1; told_killed = 0; kill_done = 0;
       must_clear = cur != DISARMED; must_start = must_clear
     }
#endif
  od
}

init {
  atomic {
    run Watchd(1);
#if INSTANCES > 1
    run Watchd(2);
#endif
    run Gateway();
    run World()
  }
}
