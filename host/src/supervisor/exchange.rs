//! Questions of workers to each other. They pass through here and leave nothing behind: who asks counts the answers.

use std::collections::BTreeSet;

use tokio::sync::mpsc::Sender;

use crate::control::{Question, Reply, SupervisorMessage};

/// The way from worker to worker.
pub(super) struct Exchange {
    /// To the slots, by the worker's index.
    slots: Vec<Sender<SupervisorMessage>>,
    /// The workers that are ready.
    present: BTreeSet<u32>,
}

impl Exchange {
    pub(super) fn new(slots: Vec<Sender<SupervisorMessage>>) -> Self {
        Exchange {
            slots,
            present: BTreeSet::new(),
        }
    }

    /// A worker is ready.
    pub(super) fn joins(&mut self, worker: u32) {
        self.present.insert(worker);
    }

    /// A worker has ended.
    pub(super) fn leaves(&mut self, worker: u32) {
        self.present.remove(&worker);
    }

    /// Asks all others that are ready, after telling the asker how many those are.
    pub(super) fn ask(&self, asker: u32, id: u64, question: Question) {
        let others = || self.present.iter().copied().filter(|worker| *worker != asker);
        self.tell(
            asker,
            SupervisorMessage::Asked {
                id,
                others: others().count() as u32,
            },
        );
        for worker in others() {
            self.tell(worker, SupervisorMessage::Answer { asker, id, question });
        }
    }

    /// Takes an answer back to the asker.
    pub(super) fn answer(&self, worker: u32, asker: u32, id: u64, reply: Reply) {
        self.tell(asker, SupervisorMessage::Told { id, worker, reply });
    }

    fn tell(&self, worker: u32, message: SupervisorMessage) {
        if let Some(slot) = self.slots.get(worker as usize) {
            // One that is full has a worker that does not read: who asks waits as long as it has patience. One that has
            // ended has no worker to tell.
            let _ = slot.try_send(message);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    #[test]
    fn those_that_are_ready_are_asked() {
        let (slots, mut ends): (Vec<_>, Vec<_>) = (0..4).map(|_| mpsc::channel(4)).unzip();
        let mut exchange = Exchange::new(slots);
        for worker in [0, 1, 3] {
            exchange.joins(worker);
        }
        exchange.leaves(3);
        exchange.ask(1, 7, Question::Metrics);
        exchange.answer(0, 1, 7, Reply::Flush(true));
        // Of an asker that there is not.
        exchange.answer(0, 9, 7, Reply::Flush(true));

        let mut told = |worker: usize| ends[worker].try_recv().ok();
        let asked = SupervisorMessage::Asked { id: 7, others: 1 };
        assert_eq!(told(1), Some(asked));
        let answer = SupervisorMessage::Told {
            id: 7,
            worker: 0,
            reply: Reply::Flush(true),
        };
        assert_eq!(told(1), Some(answer));
        let question = SupervisorMessage::Answer {
            asker: 1,
            id: 7,
            question: Question::Metrics,
        };
        assert_eq!(told(0), Some(question));
        for worker in 0..4 {
            assert_eq!(told(worker), None, "nothing else for {worker}");
        }
    }
}
