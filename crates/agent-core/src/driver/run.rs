//! The loop of one turn.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use futures_util::{
    FutureExt as _, StreamExt as _,
    future::{BoxFuture, FusedFuture},
    stream::FuturesUnordered,
};
use session_api::{
    InboundId, InboundRow, MessageId, Outside, Principal, Purpose, Route, RunOverrides, Scope, Step,
    StepKind, StoreError, Turn, Window, WindowBudget, Writes,
};
use tool_api::ToolSpec;

use super::{
    RunEnd, Slot,
    behalf::Behalf,
    bill::Bill,
    child::{Child, profile},
    live::Live,
    messages::{self},
    model::Called,
    tools::Ended,
    watch::{Noticed, watch},
};
use crate::{
    AgentError, ChosenModel, Company, Core, ModelError, Ports, RunEvent, RunEventKind, RunInfo, ToolPlace,
    context::Frame,
    turn::{Command, Ending, Event, Machine, Stamp},
};

/// How long the end of a turn waits for a draft that is being sent. A stop must be answered within half a second.
const SHOW_TIME: Duration = Duration::from_millis(300);

/// As [`SHOW_TIME`], for the first part of a draft: without its id the answer cannot take its place, and the reader has
/// both. The answer could not overtake it anyway.
const FIRST_SHOW_TIME: Duration = Duration::from_secs(5);

/// One turn with everything it reads.
pub(super) struct Run<'a> {
    pub(super) ports: &'a Ports,
    pub(super) core: Arc<Core>,
    pub(super) turn: Turn,
    pub(super) info: RunInfo,
    /// On whose behalf it runs now.
    pub(super) behalf: ArcSwap<Behalf>,
    pub(super) overrides: RunOverrides,
    pub(super) specs: Arc<[ToolSpec]>,
    pub(super) window: Window,
    pub(super) chosen: Result<ChosenModel, ModelError>,
    /// Monotonic milliseconds after which the lease may be somebody else's. Checked before each tool start.
    pub(super) lease_until: AtomicU64,
    /// A slash command: neither it nor its answer belongs to the conversation.
    pub(super) off_record: bool,
    /// What is shown of it on its platform while it runs.
    pub(super) live: Live,
    /// Whose session it is, where another one started that.
    pub(super) child: Option<Child>,
    /// Its place among the turns that run, where there is a limit to them.
    pub(super) slot: Option<Slot>,
    /// What a request may hold.
    pub(super) frame: Frame,
    /// The tokens of the last request that was refused as too long; 0: none was.
    pub(super) refused: AtomicU64,
    /// The tokens of the conversation after the last reply, by the model's own count where it gave one.
    pub(super) filled: AtomicU64,
    /// Whether something of the conversation did not fit a request.
    pub(super) left_out: AtomicBool,
    /// Whether a refused request was answered with a summary already.
    pub(super) compacted: AtomicBool,
    /// Through what it has read text from outside so far.
    pub(super) outside: ArcSwap<Outside>,
    /// How often the worker was asked.
    pub(super) worked: AtomicU32,
}

/// Work that ended.
enum Done {
    Model { called: Result<Box<Called>, ModelError>, bill: Bill, iteration: u32 },
    Tool(Result<Box<Ended>, StoreError>),
}

impl<'a> Run<'a> {
    pub(super) fn new(ports: &'a Ports, core: Arc<Core>, turn: Turn, slot: Option<Slot>) -> Self {
        let first = turn.founders.first().map(|row| &row.inbound);
        let info = RunInfo {
            session: turn.lease.session.clone(),
            turn: turn.lease.turn,
            correlation: first.map_or_else(String::new, |inbound| inbound.correlation.clone()),
        };
        let rows = turn.founders.iter().chain(&turn.absorbed);
        let principal = messages::principal(rows.clone()).cloned().unwrap_or_else(Principal::owner);
        let company = messages::company(&principal, rows);
        let overrides = first.map(|inbound| inbound.overrides.clone()).unwrap_or_default();
        let place = ToolPlace {
            channel: &turn.lease.session.channel,
            rank: principal.rank,
            phase: overrides.purpose.unwrap_or(Purpose::Chat),
            profile: profile(&overrides),
        };
        let specs = core.specs(&overrides, place);
        let chosen = core.models.choose(&overrides, None);
        let window = Window {
            checkpoint: None,
            messages: Vec::new(),
            truncated: false,
            epoch: turn.lease.epoch,
            model: None,
            effort: None,
            shared: false,
        };
        let last = turn.founders.last();
        // Of a subagent nothing is shown: nobody asked it.
        let route = last
            .filter(|_| !subagents::is_agent(&turn.lease.session))
            .map_or_else(|| Route::to_session(&turn.lease.session), |row| row.inbound.reply.clone());
        // What may be changed, or not said at all, is not shown before it is complete.
        let shown = overrides.quiet.is_none() && !core.hooks.iter().any(|hook| hook.finalizes());
        let live = Live::new(ports, route, &turn.drafts, shown);
        let frame = Frame::empty(&core);
        let system = Arc::from("");
        let behalf = Behalf { principal, company, system, tokens: 0, reply: 0, history: 0 };
        let until = millis(ports.clock.monotonic() + ports.lease_ttl);
        Self {
            ports,
            core,
            turn,
            info,
            behalf: ArcSwap::from_pointee(behalf),
            overrides,
            specs,
            window,
            chosen,
            lease_until: AtomicU64::new(until),
            off_record: false,
            live,
            child: None,
            slot,
            frame,
            refused: AtomicU64::new(0),
            filled: AtomicU64::new(0),
            left_out: AtomicBool::new(false),
            compacted: AtomicBool::new(false),
            outside: ArcSwap::default(),
            worked: AtomicU32::new(0),
        }
    }

    /// Runs the turn. Nothing of it is left behind when this is dropped; the lease then ends with its time.
    ///
    /// What is not for the length of a model call is boxed, here and in `go`: a turn that waits holds no room for its
    /// beginning and its end.
    pub(super) async fn run(&mut self) -> Result<RunEnd, AgentError> {
        let mut pending = Writes::default();
        let (machine, commands) = match Box::pin(self.set_out(&mut pending)).await? {
            Ok(begun) => begun,
            Err(end) => return Ok(end),
        };
        match self.go(machine, commands, pending).await {
            Err(AgentError::Session(StoreError::Stale { .. })) => Ok(RunEnd::Lost),
            end => end,
        }
    }

    /// The machine and what to do first, or how the turn ended before that.
    async fn set_out(
        &mut self,
        pending: &mut Writes,
    ) -> Result<Result<(Machine, Vec<Command>), RunEnd>, AgentError> {
        if self.turn.exhausted {
            return self.give_up("it was begun several times and never got further").await.map(Err);
        }
        if let Err(why) = self.know_child().await? {
            return self.give_up(why).await.map(Err);
        }
        self.emit(RunEventKind::RunStarted { resuming: self.turn.record.is_some() });
        self.hooks(|hook, run| hook.before_run(run)).await;
        match self.take_up(pending).await {
            Ok(taken) => Ok(Ok(taken)),
            Err(AgentError::Session(StoreError::Stale { .. })) => Ok(Err(RunEnd::Lost)),
            Err(error @ AgentError::Session(_)) => Err(error),
            Err(error) => self.give_up(&error.to_string()).await.map(Err),
        }
    }

    async fn go(
        &self,
        mut machine: Machine,
        commands: Vec<Command>,
        mut pending: Writes,
    ) -> Result<RunEnd, AgentError> {
        let mut work: FuturesUnordered<BoxFuture<'_, Done>> = FuturesUnordered::new();
        let mut events: VecDeque<Event> = VecDeque::new();
        let mut commands = VecDeque::from(commands);
        let mut watching = Box::pin(watch(self.ports, &self.turn.lease, &self.lease_until));
        let mut showing = Box::pin(self.live.show(self.ports, &self.turn.lease).fuse());
        let mut working = Box::pin(self.live.work(self.ports));
        let mut over = self.ports.clock.sleep(machine.limits().wall_time());
        // The iteration whose hooks were told of its beginning and not yet of its end.
        let mut open: Option<u32> = None;
        loop {
            while let Some(command) = commands.pop_front() {
                match command {
                    Command::CallModel { shrink } => {
                        let (added, iteration) = (machine.added().to_vec(), machine.model_calls() + 1);
                        // A request that was too long is made again within its iteration.
                        if open != Some(iteration) {
                            self.iteration_ended(open).await;
                            open = Some(iteration);
                            self.hooks(|hook, run| hook.before_iteration(run, iteration)).await;
                        }
                        work.push(Box::pin(async move {
                            let mut bill = Bill::default();
                            let called = match self.ask_worker(&added, iteration, &mut bill).await {
                                Some(called) => Ok(called),
                                None => self.call_model(added, iteration, shrink, &mut bill).await,
                            };
                            let called = called.map(Box::new);
                            Done::Model { called, bill, iteration }
                        }));
                    }
                    Command::Judge(calls) => {
                        self.look_outside(&machine);
                        events.push_back(Event::Judged(self.judge(&calls, &mut pending)));
                    }
                    Command::Run(calls) => {
                        self.look_outside(&machine);
                        let record = machine.record()?;
                        let iteration = machine.model_calls();
                        for call in calls {
                            let record = record.clone();
                            work.push(Box::pin(async move {
                                Done::Tool(self.run_tool(call, record, iteration).await.map(Box::new))
                            }));
                        }
                    }
                    Command::Suspend(questions) => {
                        self.shown(showing.as_mut(), FIRST_SHOW_TIME).await;
                        return Box::pin(self.suspend(&machine, questions, pending)).await;
                    }
                    Command::Absorb => {
                        open = None;
                        self.iteration_ended(Some(machine.model_calls())).await;
                        events.push_back(Event::Absorbed(Box::pin(self.absorb(&machine)).await?));
                    }
                    Command::CancelWork => work.clear(),
                    Command::Finish { ending, parts } => {
                        self.iteration_ended(open).await;
                        let stopped = matches!(ending, Ending::Stopped);
                        let first = if stopped { SHOW_TIME } else { FIRST_SHOW_TIME };
                        self.shown(showing.as_mut(), first).await;
                        return Box::pin(self.finish(&machine, ending, parts, pending)).await;
                    }
                }
            }
            let mut ended = None;
            let event = match events.pop_front() {
                Some(event) => event,
                None => tokio::select! {
                    biased;
                    noticed = &mut watching => match noticed {
                        Noticed::Lost => return Ok(RunEnd::Lost),
                        Noticed::Stop => Event::Stopped,
                    },
                    () = &mut over => Event::OutOfTime,
                    () = &mut showing => continue,
                    () = &mut working => continue,
                    Some(done) = work.next() => match done {
                        Done::Model { called, bill, iteration } => {
                            self.billed(called, bill, iteration, &mut pending)
                        }
                        Done::Tool(tool) => {
                            let tool = tool?;
                            let event = Event::ToolEnded(tool.result.clone());
                            ended = Some(tool);
                            event
                        }
                    },
                },
            };
            let stopping = matches!(event, Event::Stopped);
            let (next, more) = machine.step(event, self.stamp());
            machine = next;
            commands.extend(more);
            if let Some(ended) = ended {
                let Ended { step, writes, .. } = *ended;
                self.save(&machine, step, writes, &mut pending).await?;
            }
            if stopping {
                // Told once: the machine is on its way to the commit.
                watching = Box::pin(watch(self.ports, &self.turn.lease, &self.lease_until));
            }
        }
    }

    /// Waits until the platform has answered what was being shown: the answer is to take its place. A platform that
    /// takes too long leaves the draft in doubt. `first`: how long it may take for a first part.
    async fn shown(&self, showing: Pin<&mut impl FusedFuture<Output = ()>>, first: Duration) {
        self.live.close();
        let patience = if self.live.is_unanswered() { first } else { SHOW_TIME };
        if !showing.is_terminated() {
            tokio::select! {
                () = showing => {}
                () = self.ports.clock.sleep(patience) => {}
            }
        }
    }

    async fn iteration_ended(&self, iteration: Option<u32>) {
        if let Some(iteration) = iteration {
            self.hooks(|hook, run| hook.after_iteration(run, iteration)).await;
        }
    }

    /// Journals a step with the machine as it is after it, and what waits to be written.
    async fn save(
        &self,
        machine: &Machine,
        step: Step,
        mut writes: Writes,
        pending: &mut Writes,
    ) -> Result<(), AgentError> {
        writes.append(std::mem::take(pending));
        writes.record = Some(machine.record()?);
        let ended = matches!(step.kind, StepKind::ToolEnded { .. });
        if ended {
            crate::failpoint("tool_end.before");
        }
        self.journal(step, writes).await?;
        if ended {
            crate::failpoint("tool_end.after");
        }
        Ok(())
    }

    /// Rows that the store already gave to this turn and that a crash kept from its record, then what waits.
    async fn absorb(&self, machine: &Machine) -> Result<Vec<(InboundId, session_api::Message)>, AgentError> {
        let mailbox = &self.ports.stores.mailbox;
        let mut rows: Vec<InboundRow> = self.turn.absorbed.clone();
        rows.retain(|row| !machine.taken().contains(&row.inbound.id));
        if mailbox.control(&self.turn.lease).await?.steering {
            rows.extend(mailbox.absorb(&self.turn.lease).await?);
        }
        self.act_for_all(&rows).await?;
        let Some(first) = self.turn.founders.first() else { return Ok(Vec::new()) };
        let mut messages = Vec::with_capacity(rows.len());
        for row in &rows {
            messages.push((row.inbound.id, messages::message(&self.heard(row).await, first, self.info.turn)));
        }
        Ok(messages)
    }

    pub(super) async fn read_window(&self) -> Result<Window, StoreError> {
        let scope = Scope::Session(self.info.session.clone());
        let budget = self.core.budget;
        let budget = WindowBudget { messages: budget.history_messages, bytes: budget.history_bytes };
        let mut window = self.ports.stores.sessions.window(&scope, &self.info.session, budget).await?;
        if self.overrides.fresh {
            (window.messages, window.checkpoint, window.truncated) = (Vec::new(), None, false);
        }
        Ok(window)
    }

    /// What a model call needs and a command does not.
    pub(super) async fn prepare(&mut self) -> Result<(), AgentError> {
        self.window = self.read_window().await?;
        self.chosen = self.core.models.choose(&self.overrides, self.window.model.as_deref());
        self.frame_chosen().await
    }

    /// Makes the prompt for the model that was chosen.
    pub(super) async fn frame_chosen(&mut self) -> Result<(), AgentError> {
        if let Ok(chosen) = &self.chosen {
            self.frame = Frame::of(self.ports, &self.core, chosen, &self.specs).await?;
        }
        let behalf = self.behalf.load_full();
        let reads = behalf.company.reads || self.window.shared;
        Ok(self.act_for(behalf.principal.clone(), Company { reads, ..behalf.company }).await?)
    }

    pub(super) fn stamp(&self) -> Stamp {
        Stamp { id: MessageId::new(self.ports.ids.as_ref()), at: self.ports.clock.now() }
    }

    pub(super) fn emit(&self, kind: RunEventKind) {
        self.ports.bus.publish(&RunEvent {
            kind,
            session: self.info.session.clone(),
            turn: self.info.turn,
            inbound: self.turn.founders.iter().map(|row| row.inbound.id).collect(),
            correlation: self.info.correlation.clone(),
            at: self.ports.clock.now(),
        });
    }

    pub(super) fn millis_since(&self, started: Duration) -> u64 {
        millis(self.ports.clock.monotonic().saturating_sub(started))
    }

    /// Whether the lease is certainly still ours, by our own clock.
    pub(super) fn lease_holds(&self) -> bool {
        millis(self.ports.clock.monotonic()) < self.lease_until.load(Ordering::Acquire)
    }

    pub(super) fn step(kind: StepKind, durable: bool) -> Step {
        Step { kind, durable }
    }
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
