//! One message after the other.

use std::{future::Future, pin::pin, time::Duration};

use agent_core::{AgentError, FollowUp, RunResult, RunStream};
use session_api::{Approval, InboundId, Part, RunOverrides, SessionKey};
use tokio::{sync::oneshot, time::sleep};

use super::{
    echo::NoEcho,
    editor::{Ask, Editor, Input},
    questions::{self, Reply},
    signals::{Came, Signals},
};
use crate::{
    Assistant, RunRequest,
    cli::{ask::telling, screen::Screen},
    exit,
};

/// A second Ctrl-C within this time leaves.
const TWICE: Duration = Duration::from_secs(2);

/// What comes after something was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// The next message.
    Prompt,
    /// The end, with this exit code.
    Leave(u8),
}

/// What became of open questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// Each has an answer.
    Answered,
    /// Their turn was told to stop.
    Stopped,
    /// The person goes away; with this exit code.
    Left(u8),
}

/// How a wait for the assistant ended.
#[derive(Debug)]
enum Watched<T> {
    Done(T),
    Leave,
}

/// A conversation and what it is held with.
pub(super) struct Talk<'a> {
    pub(super) assistant: &'a Assistant,
    pub(super) session: SessionKey,
    pub(super) overrides: RunOverrides,
    pub(super) screen: Screen,
    pub(super) editor: Editor,
    pub(super) signals: Signals,
}

impl Talk<'_> {
    /// Reads from the person; a signal that ends the process ends the wait.
    pub(super) async fn read(&mut self, ask: Ask) -> Input {
        tokio::select! {
            input = self.editor.read(ask) => input,
            () = self.signals.terminated() => Input::Terminated,
        }
    }

    /// Says `text` and shows what comes of it.
    pub(super) async fn say(&mut self, text: &str) -> Next {
        match self.say_it(text).await {
            Next::Prompt => self.follow_ups().await,
            leave @ Next::Leave(_) => leave,
        }
    }

    /// Waits for the agents that are under way, and shows what is said meanwhile. The first Ctrl-C stops them.
    async fn follow_ups(&mut self) -> Next {
        match self.assistant.is_under_way(&self.session).await {
            Ok(true) => {}
            Ok(false) => return Next::Prompt,
            Err(error) => return self.failed(&error),
        }
        let mut said = match self.assistant.said_so_far(&self.session).await {
            Ok(said) => said,
            Err(error) => return self.failed(&error),
        };
        self.screen.note("Agents are still at work; Ctrl-C stops them.");
        loop {
            let (assistant, session) = (self.assistant, self.session.clone());
            let stop = async || {
                if let Err(error) = assistant.stop(&session).await {
                    tracing::warn!(%error, "the agents could not be stopped");
                }
            };
            let next = {
                let _no_echo = NoEcho::begin();
                let next = assistant.follow_up(&session, &mut said);
                watched(async || self.signals.next().await, next, stop).await
            };
            match next {
                Watched::Leave => return Next::Leave(exit::STOPPED),
                Watched::Done(Err(error)) => return self.failed(&error),
                Watched::Done(Ok(FollowUp::Over)) => return Next::Prompt,
                Watched::Done(Ok(FollowUp::Said(message))) => {
                    let texts: Vec<&str> = message.parts.iter().filter_map(Part::as_text).collect();
                    self.screen.say(&texts.join("\n"));
                }
                Watched::Done(Ok(FollowUp::Asks(questions))) => match self.ask(&questions).await {
                    Asked::Answered | Asked::Stopped => {}
                    Asked::Left(code) => return Next::Leave(code),
                },
            }
        }
    }

    async fn say_it(&mut self, text: &str) -> Next {
        let request = RunRequest::new(self.session.clone(), text).with(self.overrides.clone());
        let stream = match self.assistant.run_streamed(request).await {
            Ok(stream) => stream,
            Err(error) => return self.failed(&error),
        };
        let inbound = stream.inbound();
        self.follow_to_end(stream, inbound).await
    }

    async fn follow_to_end(&mut self, mut stream: RunStream, inbound: InboundId) -> Next {
        loop {
            let result = match self.follow(stream).await {
                Watched::Done(Ok(result)) => result,
                Watched::Done(Err(error)) => return self.failed(&error),
                Watched::Leave => return Next::Leave(exit::STOPPED),
            };
            if result.questions.is_empty() {
                self.tell_of_summaries().await;
                return Next::Prompt;
            }
            match self.ask(&result.questions).await {
                Asked::Answered => stream = self.assistant.attach(self.session.clone(), inbound),
                Asked::Left(code) => return Next::Leave(code),
                // A stopped turn that waits for an answer is ended by whoever takes it up.
                Asked::Stopped => {
                    return match self.resume().await {
                        Watched::Done(Ok(_)) => Next::Prompt,
                        Watched::Done(Err(error)) => self.failed(&error),
                        Watched::Leave => Next::Leave(exit::STOPPED),
                    };
                }
            }
        }
    }

    /// Tells of summaries that were made by now; one that is under way is told of after the next answer.
    async fn tell_of_summaries(&mut self) {
        for made in self.assistant.settle_compactions(&self.session, Duration::ZERO).await {
            self.screen.note(&made.notice());
        }
    }

    /// Shows a run to its end. The first Ctrl-C stops it.
    async fn follow(&mut self, stream: RunStream) -> Watched<Result<RunResult, AgentError>> {
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = async {
            // Without its sender nobody will ask any more.
            if stopped.await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        let _no_echo = NoEcho::begin();
        let run = telling(self.assistant, &self.session, self.screen.follow(stream, stopped));
        let mut stop = Some(stop);
        let watched = watched(
            async || self.signals.next().await,
            run,
            async || {
                if let Some(stop) = stop.take() {
                    // The run may be over just now.
                    let _ = stop.send(());
                }
            },
        )
        .await;
        if matches!(watched, Watched::Leave) {
            self.screen.note("Leaving; what was running is stopped.");
        }
        watched
    }

    /// Ends what stands in the way of a new message: open questions are asked, an unfinished turn is finished.
    pub(super) async fn take_up(&mut self) -> Next {
        loop {
            let waiting = match self.assistant.waiting(&self.session).await {
                Ok(waiting) => waiting,
                Err(error) => return self.failed(&error),
            };
            if !waiting.unfinished {
                return Next::Prompt;
            }
            if !waiting.questions.is_empty() {
                self.screen.note("A question is open from before:");
                if let Asked::Left(code) = self.ask(&waiting.questions).await {
                    return Next::Leave(code);
                }
            }
            self.screen.note("Going on with what was begun before …");
            match self.resume().await {
                Watched::Done(Ok(0)) => {
                    if !self.asks_something().await {
                        self.screen
                            .note("Another process works in this session; your message will wait for it.");
                        return Next::Prompt;
                    }
                }
                Watched::Done(Ok(_)) => {}
                Watched::Done(Err(error)) => return self.failed(&error),
                Watched::Leave => return Next::Leave(exit::STOPPED),
            }
        }
    }

    /// Ends unfinished turns and prints what came of them. Returns how many there were.
    async fn resume(&mut self) -> Watched<Result<usize, AgentError>> {
        let _no_echo = NoEcho::begin();
        let (assistant, session) = (self.assistant, &self.session);
        let stop = async || {
            if let Err(error) = assistant.stop(session).await {
                tracing::warn!(%error, "the resumed turn could not be stopped");
            }
        };
        let ended = watched(async || self.signals.next().await, assistant.resume(session), stop).await;
        match ended {
            Watched::Leave => Watched::Leave,
            Watched::Done(Err(error)) => Watched::Done(Err(error)),
            Watched::Done(Ok(resumed)) => {
                for run in &resumed {
                    if run.result.stop_reason == "stopped" {
                        self.screen.note(&run.result.content);
                    } else {
                        self.screen.note("resumed:");
                        self.screen.say(&run.result.content);
                    }
                }
                Watched::Done(Ok(resumed.len()))
            }
        }
    }

    async fn asks_something(&self) -> bool {
        self.assistant.waiting(&self.session).await.is_ok_and(|waiting| !waiting.questions.is_empty())
    }

    /// Asks each question in turn.
    async fn ask(&mut self, asked: &[Approval]) -> Asked {
        for question in asked {
            self.screen.note(&questions::text(question));
            let reply = loop {
                match questions::reply(self.read(Ask::Question).await) {
                    Reply::Unclear => self.screen.note("Please answer y or n."),
                    reply => break reply,
                }
            };
            match reply {
                Reply::Decided(decision) => {
                    // Answered elsewhere or expired meanwhile: told, and the turn goes on with that.
                    if let Err(error) = self.assistant.approvals().answer(question.id, decision).await {
                        self.screen.error(&error);
                    }
                }
                Reply::Stop => {
                    if let Err(error) = self.assistant.stop(&self.session).await {
                        self.screen.error(&error);
                    }
                    return Asked::Stopped;
                }
                Reply::Leave => {
                    self.screen.note("The question stays open; `factotum approvals list` shows it.");
                    return Asked::Left(exit::QUESTION);
                }
                Reply::Unclear => {}
            }
        }
        Asked::Answered
    }

    fn failed(&mut self, error: &AgentError) -> Next {
        self.screen.error(error);
        Next::Prompt
    }
}

/// Waits for `work`. Ctrl-C calls `stop` and goes on waiting; a second one within [`TWICE`], or a signal that ends the
/// process, leaves. `next` waits for the next signal.
async fn watched<T>(
    mut next: impl AsyncFnMut() -> Came,
    work: impl Future<Output = T>,
    mut stop: impl AsyncFnMut(),
) -> Watched<T> {
    let mut work = pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return Watched::Done(done),
            came = next() => match came {
                Came::Terminate => return Watched::Leave,
                Came::Interrupt => stop().await,
            },
        }
        tokio::select! {
            done = &mut work => return Watched::Done(done),
            _ = next() => return Watched::Leave,
            () = sleep(TWICE) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, poll_fn};
    use std::{cell::Cell, task::Poll};

    use super::*;

    /// What came of a wait for work that ends, or not, after it was stopped; and how often it was told to stop.
    async fn waited(signals: &[Came], ends_when_stopped: bool) -> (Watched<()>, u32) {
        let (mut signals, stops) = (signals.iter().copied(), Cell::new(0));
        let next = async || match signals.next() {
            Some(came) => came,
            None => pending().await,
        };
        let work =
            poll_fn(|_| if ends_when_stopped && stops.get() > 0 { Poll::Ready(()) } else { Poll::Pending });
        let ended = watched(next, work, async || stops.set(stops.get() + 1)).await;
        (ended, stops.get())
    }

    #[tokio::test]
    async fn the_first_ctrl_c_stops_and_the_second_leaves() {
        assert!(matches!(waited(&[Came::Interrupt], true).await, (Watched::Done(()), 1)));
        assert!(matches!(waited(&[Came::Interrupt, Came::Interrupt], false).await, (Watched::Leave, 1)));
    }

    #[tokio::test]
    async fn the_end_of_the_process_leaves_at_once() {
        assert!(matches!(waited(&[Came::Terminate], false).await, (Watched::Leave, 0)));
        assert!(matches!(waited(&[Came::Interrupt, Came::Terminate], false).await, (Watched::Leave, 1)));
    }
}
