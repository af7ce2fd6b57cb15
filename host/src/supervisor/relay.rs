//! Passes questions between workers. It keeps no state of a question: the worker that asks counts the replies.

use std::collections::BTreeSet;

use tokio::sync::mpsc::Sender;

use super::slot::SlotOrder;
use crate::control::{Question, Reply, SupervisorMessage};

/// Passes messages from worker to worker.
pub(super) struct PeerRelay {
    /// The messages for each slot, by the worker's index.
    slots: Vec<Sender<SlotOrder>>,
    /// The workers that are ready.
    ready: BTreeSet<u32>,
}

impl PeerRelay {
    /// Returns a relay for these slots. No worker is ready.
    pub(super) fn new(slots: Vec<Sender<SlotOrder>>) -> Self {
        PeerRelay {
            slots,
            ready: BTreeSet::new(),
        }
    }

    /// Adds a worker that is ready.
    pub(super) fn add(&mut self, worker: u32) {
        self.ready.insert(worker);
    }

    /// Removes a worker that has exited.
    pub(super) fn remove(&mut self, worker: u32) {
        self.ready.remove(&worker);
    }

    /// Sends the asker the number of other workers that are ready, then sends these the question.
    pub(super) fn request(&self, asker: u32, id: u64, question: Question) {
        let others = || self.ready.iter().copied().filter(|worker| *worker != asker);
        let others_count = others().count() as u32;
        self.send(
            asker,
            SupervisorMessage::PeerCount {
                id,
                others: others_count,
            },
        );
        for worker in others() {
            self.send(worker, SupervisorMessage::PeerRequest { asker, id, question });
        }
    }

    /// Sends the reply of `worker` to the asker.
    pub(super) fn reply(&self, worker: u32, asker: u32, id: u64, reply: Reply) {
        self.send(asker, SupervisorMessage::PeerReply { id, worker, reply });
    }

    fn send(&self, worker: u32, message: SupervisorMessage) {
        if let Some(slot) = self.slots.get(worker as usize) {
            // A full queue means that the worker does not read: the asker stops waiting at its timeout. A closed one
            // means that the slot has ended.
            let _ = slot.try_send(SlotOrder::PassOn(message));
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;
    use crate::control::Flushed;

    #[test]
    fn ready_workers_get_the_question() {
        let (slots, mut ends): (Vec<_>, Vec<_>) = (0..4).map(|_| mpsc::channel(4)).unzip();
        let mut relay = PeerRelay::new(slots);
        for worker in [0, 1, 3] {
            relay.add(worker);
        }
        relay.remove(3);
        relay.request(1, 7, Question::Metrics);
        relay.reply(0, 1, 7, Reply::Flush(Flushed::Busy));
        // An asker that does not exist.
        relay.reply(0, 9, 7, Reply::Flush(Flushed::Busy));

        let mut received = |worker: usize| match ends[worker].try_recv().ok()? {
            SlotOrder::PassOn(message) => Some(message),
            order => panic!("{order:?}"),
        };
        let count = SupervisorMessage::PeerCount { id: 7, others: 1 };
        assert_eq!(received(1), Some(count));
        let reply = SupervisorMessage::PeerReply {
            id: 7,
            worker: 0,
            reply: Reply::Flush(Flushed::Busy),
        };
        assert_eq!(received(1), Some(reply));
        let request = SupervisorMessage::PeerRequest {
            asker: 1,
            id: 7,
            question: Question::Metrics,
        };
        assert_eq!(received(0), Some(request));
        for worker in 0..4 {
            assert_eq!(received(worker), None, "nothing else for {worker}");
        }
    }
}
