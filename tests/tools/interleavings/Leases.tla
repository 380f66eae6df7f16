------------------------------- MODULE Leases -------------------------------
(* The messages about leases, as fibonacci/_core has them: lease_messages.py, leased_window.py (a process) and
   shared_window.py (the store). `.ci/run specification` has TLC try every behavior of a small instance.

   Time is what it orders. A lease has the number of its grant, and `horizon` is the last grant that is longer ago than
   the margin of shared_window.py (3 s), within which a granted request reaches the server. So `TimePasses` needs that
   nothing is on its way, and what a response states includes the leases before its own lease's horizon.

   Left out, since it can only delay a grant or concerns no message: the queue and the shares of a window, pauses that
   the server asks for, the scout of a window, and how the end of a window is found: it is known here. *)
EXTENDS Integers, FiniteSets

CONSTANTS
  Limit,      \* requests in a window
  Windows,    \* how many windows there are
  First,      \* calls of the first process: each needs one lease
  Second,     \* those of the second
  Mishaps,    \* how often something goes wrong, in all
  MayLose,    \* the store may lose its state
  MayRestore, \* the store may have an older state again
  MayBreak,   \* a request may end without a response
  HasNew,     \* the second process is new: it knows no state of the store
  Fault       \* what is wrong with the code, or "none"

Processes == 1..2
Names == 1..(First + Second)
Owner(n) == IF n <= First THEN 1 ELSE 2
Unknown == -1
NoMessage == [from |-> 0]
NoReply == [epoch |-> 0]

VARIABLES
  window,     \* the window of the server
  status,     \* of each request: "waiting", "sent", "arrived", "ended"
  arrivedIn,  \* the window that counted it; 0 for none
  stated,     \* the remaining requests that its response states
  alive,      \* the processes that were not killed
  epoch, wanted, lease, ends, \* what a process knows: leases by name, ends not yet told
  message, reply, \* the exchange of each process; a message stays on its way until the process gives up waiting
  late,       \* copies of messages that are still on their way
  store, saved, \* the state of the store, and an older one
  clock, horizon, mishaps,
  scouts,     \* the requests that were granted to learn about the window, while nothing is known of it
  untold      \* the requests that the store cannot know of

vars == <<window, status, arrivedIn, stated, alive, epoch, wanted, lease, ends, message, reply, late, store, saved,
          clock, horizon, mishaps, scouts, untold>>
server == <<window, arrivedIn, stated>>
process == <<epoch, wanted, lease, ends>>
network == <<message, reply, late>>
time == <<clock, horizon>>
ghosts == <<scouts, untold>>

NoLease == [name |-> 0, at |-> 0, sees |-> 0, win |-> 0]
NewState(number, at) == [epoch |-> number, began |-> at, left |-> Unknown, window |-> 0, statedAt |-> 0, leases |-> {},
                         paused |-> FALSE, probe |-> NoLease]

Init ==
  /\ window = 1 /\ clock = 0 /\ horizon = 0 /\ mishaps = 0 /\ scouts = {} /\ untold = {} /\ late = {}
  /\ status = [n \in Names |-> "waiting"] /\ arrivedIn = [n \in Names |-> 0] /\ stated = [n \in Names |-> 0]
  /\ alive = Processes
  /\ epoch = [p \in Processes |-> IF HasNew /\ p = 2 THEN 0 ELSE 1]
  /\ wanted = [p \in Processes |-> {n \in Names : Owner(n) = p}]
  /\ lease = [n \in Names |-> NoLease]
  /\ ends = [p \in Processes |-> {}]
  /\ message = [p \in Processes |-> NoMessage] /\ reply = [p \in Processes |-> NoReply]
  /\ store = [NewState(1, 0) EXCEPT !.left = Limit, !.window = 1]
  /\ saved = [at |-> -1, state |-> NewState(0, 0)]

NamesOf(leases) == {l.name : l \in leases}
Min(a, b) == IF a < b THEN a ELSE b
Max(a, b) == IF a < b THEN b ELSE a

IsPending(n) == reply[Owner(n)] # NoReply /\ n \in NamesOf(reply[Owner(n)].granted)
CanArrive(n) == status[n] = "sent" \/ (status[n] = "waiting" /\ Owner(n) \in alive /\ IsPending(n))

GoesWrong == mishaps < Mishaps /\ mishaps' = mishaps + 1

(* --- The store --- *)

Apply(s, e) == \* SharedWindow._end, and Window.update
  LET rest == {l \in s.leases : l.name # e.lease.name}
      isProbe == s.probe.name = e.lease.name
      isSame == s.left # Unknown /\ s.window = e.win
      isNewer == isProbe \/ e.lease.at > s.statedAt \/ Fault = "a late statement counts"
      isOld == s.left = Unknown /\ e.lease.at <= s.began /\ Fault # "what was stated before the loss counts"
      removed == [s EXCEPT !.leases = rest, !.probe = IF isProbe THEN NoLease ELSE @]
  IN IF e.stated = Unknown \/ e.win < s.window \/ isOld
     THEN removed
     ELSE [removed EXCEPT
            !.left = IF isSame /\ ~isNewer THEN Min(@, e.stated) ELSE e.stated,
            !.window = e.win,
            !.statedAt = Max(@, e.at),
            !.leases = {l \in rest : l.at > e.lease.sees}]

RECURSIVE ApplyAll(_, _)
ApplyAll(s, told) ==
  IF told = {} THEN s
  ELSE LET e == CHOOSE e \in told : \A f \in told : e.at < f.at \/ (e.at = f.at /\ e.lease.name <= f.lease.name)
       IN ApplyAll(Apply(s, e), told \ {e})

Free(s) ==
  IF s.paused THEN 0
  ELSE IF s.left = Unknown THEN (IF s.probe = NoLease \/ s.probe.at <= horizon THEN 1 ELSE 0)
  ELSE Max(0, s.left - Cardinality(s.leases))

Exchanged(m) == \* SharedWindow.exchange: the state after a message, the reply, and the leases that are new
  IF m.epoch \notin {0, store.epoch}
  THEN [state |-> [store EXCEPT !.paused = @ \/ (store.left = Unknown /\ Fault # "no pause")],
        reply |-> [epoch |-> store.epoch, granted |-> {}], new |-> {}]
  ELSE LET restored == [store EXCEPT !.leases = @ \cup {l \in m.held : l.name \notin NamesOf(@)}]
           s == ApplyAll(restored, m.ends)
           held == {l \in s.leases : l.name \in m.wanted}
           renewed == IF Fault = "a repeated grant keeps its time" THEN held
                      ELSE {[l EXCEPT !.at = clock + 1, !.sees = horizon, !.win = window] : l \in held}
           names == m.wanted \ NamesOf(held)
           new == {[name |-> n, at |-> clock + 1, sees |-> horizon, win |-> window] :
                   n \in {n \in names : Cardinality({o \in names : o < n}) < Free(s)}}
       IN [state |-> [s EXCEPT !.leases = (@ \ held) \cup renewed \cup new,
                               !.probe = IF s.left = Unknown /\ new # {} THEN CHOOSE l \in new : TRUE ELSE @],
           reply |-> [epoch |-> s.epoch, granted |-> renewed \cup new],
           new |-> new]

CarryOut(m) ==
  LET done == Exchanged(m)
      isBlind == done.state.left = Unknown /\ done.new # {} \* a request that learns about the window
  IN /\ store' = done.state
     /\ clock' = IF \E l \in done.state.leases : l.at > clock THEN clock + 1 ELSE clock
     /\ scouts' = IF isBlind THEN scouts \cup NamesOf(done.new) ELSE scouts
     /\ untold' = IF isBlind
                  THEN untold \cup {n \in Names : CanArrive(n) /\ n \notin NamesOf(done.state.leases)}
                  ELSE untold

Deliver(p) ==
  /\ message[p] # NoMessage /\ reply[p] = NoReply
  /\ CarryOut(message[p])
  /\ reply' = [reply EXCEPT ![p] = Exchanged(message[p]).reply]
  /\ UNCHANGED <<server, status, alive, process, message, late, saved, horizon, mishaps>>

DeliverLate == \* nobody waits for this reply
  \E m \in late :
    /\ CarryOut(m)
    /\ late' = late \ {m}
    /\ UNCHANGED <<server, status, alive, process, message, reply, saved, horizon, mishaps>>

BeginWindow == \* Window.advance: leases within the margin stay, whose requests may arrive in the window that begins
  /\ store.left # Unknown /\ store.window < window
  /\ store' = [store EXCEPT !.left = Limit, !.window = window,
               !.leases = IF Fault = "leases do not lapse" THEN @ ELSE {l \in @ : l.at > horizon}]
  /\ UNCHANGED <<server, status, alive, process, network, saved, time, mishaps, ghosts>>

EndPause == \* after a second, within which a request arrives
  /\ store.paused /\ \A n \in Names : ~CanArrive(n)
  /\ store' = [store EXCEPT !.paused = FALSE]
  /\ UNCHANGED <<server, status, alive, process, network, saved, time, mishaps, ghosts>>

Lose ==
  /\ MayLose /\ GoesWrong
  /\ store' = NewState(store.epoch + 1, clock)
  /\ UNCHANGED <<server, status, alive, process, network, saved, time, ghosts>>

Save ==
  /\ MayRestore /\ saved.at = -1
  /\ saved' = [at |-> clock, state |-> store]
  /\ UNCHANGED <<server, status, alive, process, network, store, time, mishaps, ghosts>>

Restore ==
  /\ saved.at >= 0 /\ store # saved.state /\ GoesWrong
  /\ store' = saved.state
  /\ untold' = untold \cup {n \in Names : lease[n].at > saved.at} \cup NamesOf({l \in store.leases : l.at > saved.at})
  /\ UNCHANGED <<server, status, alive, process, network, saved, time, scouts>>

(* --- A process --- *)

Ask(p) == \* LeasedWindow.message
  /\ p \in alive /\ message[p] = NoMessage /\ (wanted[p] # {} \/ ends[p] # {})
  /\ message' = [message EXCEPT ![p] =
       [from |-> p, epoch |-> epoch[p], ends |-> ends[p], wanted |-> wanted[p],
        held |-> IF epoch[p] # 0 THEN {} ELSE {lease[n] : n \in {n \in Names : Owner(n) = p /\
                                                                    status[n] \in {"sent", "arrived"}}}]]
  /\ UNCHANGED <<server, status, alive, process, reply, late, store, saved, time, mishaps, ghosts>>

Receive(p) == \* LeasedWindow.receive: the calls that have leases are sent at once
  LET m == message[p]
      usable == {l \in reply[p].granted :
                 l.name \in wanted[p] \/ (Fault = "what was given up is used" /\ status[l.name] = "waiting")}
  IN /\ p \in alive /\ reply[p] # NoReply
     /\ message' = [message EXCEPT ![p] = NoMessage] /\ reply' = [reply EXCEPT ![p] = NoReply]
     /\ IF m.epoch \notin {0, reply[p].epoch}
        THEN epoch' = [epoch EXCEPT ![p] = 0] /\ UNCHANGED <<status, wanted, lease, ends>>
        ELSE /\ epoch' = [epoch EXCEPT ![p] = reply[p].epoch]
             /\ ends' = [ends EXCEPT ![p] = @ \ m.ends]
             /\ wanted' = [wanted EXCEPT ![p] = @ \ NamesOf(usable)]
             /\ status' = [n \in Names |-> IF n \in NamesOf(usable) THEN "sent" ELSE status[n]]
             /\ lease' = [n \in Names |-> IF n \in NamesOf(usable) THEN CHOOSE l \in usable : l.name = n ELSE lease[n]]
     /\ UNCHANGED <<server, alive, late, store, saved, time, mishaps, ghosts>>

End(n, remaining) ==
  ends' = [ends EXCEPT ![Owner(n)] =
    @ \cup {[lease |-> [lease[n] EXCEPT !.name = n], stated |-> remaining, win |-> arrivedIn[n], at |-> clock]}]

Respond(n) == \* LeasedWindow.remove and update
  /\ status[n] = "arrived" /\ Owner(n) \in alive
  /\ status' = [status EXCEPT ![n] = "ended"]
  /\ End(n, stated[n])
  /\ UNCHANGED <<server, alive, epoch, wanted, lease, network, store, saved, time, mishaps, ghosts>>

Break(n) == \* it ends without a response
  /\ MayBreak /\ status[n] \in {"sent", "arrived"} /\ Owner(n) \in alive /\ GoesWrong
  /\ status' = [status EXCEPT ![n] = "ended"]
  /\ End(n, Unknown)
  /\ untold' = IF status[n] = "arrived" THEN untold \cup {n} ELSE untold
  /\ UNCHANGED <<server, alive, epoch, wanted, lease, network, store, saved, time, scouts>>

GiveUp(n) == \* LeasedWindow.want: a call no longer waits
  /\ n \in wanted[Owner(n)] /\ Owner(n) \in alive /\ GoesWrong
  /\ wanted' = [wanted EXCEPT ![Owner(n)] = @ \ {n}]
  /\ End(n, Unknown)
  /\ UNCHANGED <<server, status, alive, epoch, lease, network, store, saved, time, ghosts>>

Kill(p) ==
  /\ p \in alive /\ GoesWrong
  /\ alive' = alive \ {p}
  /\ reply' = [reply EXCEPT ![p] = NoReply]
  /\ message' = [message EXCEPT ![p] = NoMessage]
  /\ late' = IF message[p] # NoMessage /\ reply[p] = NoReply THEN late \cup {message[p]} ELSE late
  /\ UNCHANGED <<server, status, process, store, saved, time, ghosts>>

(* --- The network, the server, time --- *)

Fail(p) == \* a message or its reply is lost: the process says it again, with what is new
  /\ message[p] # NoMessage /\ p \in alive /\ GoesWrong
  /\ message' = [message EXCEPT ![p] = NoMessage] /\ reply' = [reply EXCEPT ![p] = NoReply]
  /\ UNCHANGED <<server, status, alive, process, late, store, saved, time, ghosts>>

Copy(p) == \* a message will arrive twice, or is late when the process no longer waits
  /\ message[p] # NoMessage /\ message[p] \notin late /\ GoesWrong
  /\ late' = late \cup {message[p]}
  /\ UNCHANGED <<server, status, alive, process, message, reply, store, saved, time, ghosts>>

Counted(w) == {n \in Names : arrivedIn[n] = w}

Arrive(n) ==
  /\ status[n] = "sent"
  /\ status' = [status EXCEPT ![n] = "arrived"]
  /\ arrivedIn' = [arrivedIn EXCEPT ![n] = window]
  /\ stated' = [stated EXCEPT ![n] = Max(0, Limit - Cardinality(Counted(window)) - 1)]
  /\ UNCHANGED <<window, alive, process, network, store, saved, time, mishaps, ghosts>>

EndWindow ==
  /\ window < Windows /\ store.window \in {0, window}
  /\ \A l \in store.leases : l.win = window \/ l.at <= horizon \* a window is longer than the margin
  /\ window' = window + 1
  /\ UNCHANGED <<status, arrivedIn, stated, alive, process, network, store, saved, time, mishaps, ghosts>>

TimePasses == \* longer than the margin
  /\ horizon < clock /\ store.window \in {0, window} /\ \A n \in Names : ~CanArrive(n)
  /\ horizon' = clock
  /\ UNCHANGED <<server, status, alive, process, network, store, saved, clock, mishaps, ghosts>>

Next ==
  \/ \E p \in Processes : Ask(p) \/ Deliver(p) \/ Receive(p) \/ Fail(p) \/ Copy(p) \/ Kill(p)
  \/ \E n \in Names : Arrive(n) \/ Respond(n) \/ Break(n) \/ GiveUp(n)
  \/ DeliverLate \/ BeginWindow \/ EndPause \/ Lose \/ Save \/ Restore \/ EndWindow \/ TimePasses

Spec == Init /\ [][Next]_vars

(* --- What holds --- *)

\* No more requests than the limit. Beyond it there may be requests that learn about the window after its state was lost,
\* and those that the store cannot know of.
WithinLimit == \A w \in 1..Windows : Cardinality(Counted(w) \ (scouts \cup untold)) <= Limit

\* A store that keeps its state needs none to learn about the window, and one whose processes tell it that its state was
\* lost waits for what is in flight. A process that is new does not tell it; and an older state looks like the present one.
KnowsAll == /\ MayLose \/ scouts = {}
            /\ MayRestore \/ MayBreak \/ (MayLose /\ HasNew) \/ untold = {}

\* A lease is granted to one process, and used only by it, while it wants it.
OneHolder == \A p \in Processes : reply[p] # NoReply => \A l \in reply[p].granted : Owner(l.name) = p
OnceInStore == \A l, k \in store.leases : l.name = k.name => l = k

\* A lease ends with the window after its own at the latest.
Lapses == store.left = Unknown \/ \A l \in store.leases : l.win >= store.window - 1
=============================================================================
