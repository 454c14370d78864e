//! Who has been written, who waits to be, and who is to be renewed. Holds no entry longer than it takes to write it.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::codec::Compression;

/// Tells entries of one Application apart; it never leaves the process.
pub(super) type Fingerprint = u64;

/// What is to be done about one Application's entry.
pub(super) enum Work {
    /// Write both values, in their final form.
    Write { fingerprint: Fingerprint, tree: Vec<u8>, managed_resources: Vec<u8> },
    /// Take them out.
    Drop,
}

/// [`Work`], and who waits for its end.
pub(super) struct Job {
    pub(super) work: Work,
    /// Told whether it was done; those who waited for work that newer work replaced wait for that.
    pub(super) waiting: Vec<oneshot::Sender<bool>>,
}

struct Written {
    fingerprint: Fingerprint,
    at: Instant,
}

/// One connection, and what is different from one to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Session {
    /// Counted up: an entry that was made for one connection is not written on another.
    pub(super) number: u64,
    /// Form of the values.
    pub(super) compression: Compression,
}

/// See the module. Everything is by identity (`NAMESPACE/NAME`).
#[derive(Default)]
pub(super) struct Ledger {
    session: Option<Session>,
    sessions: u64,
    written: HashMap<String, Written>,
    jobs: HashMap<String, Job>,
    /// The order of `jobs`.
    queue: VecDeque<String>,
    /// Not taken by the server; to be tried again.
    refused: HashSet<String>,
    /// Whose work is being done.
    under_way: Option<String>,
    /// There was something to write and nowhere to write it, or it was written to a server that is gone.
    has_missed: bool,
}

impl Ledger {
    /// A connection stands. `true`: every Application is to be looked at again, since what there was to write is not in
    /// this server.
    pub(super) fn begin(&mut self, compression: Compression) -> bool {
        self.sessions += 1;
        self.session = Some(Session { number: self.sessions, compression });
        std::mem::take(&mut self.has_missed)
    }

    /// The connection is gone, and with it perhaps everything that was written: Argo CD's Redis keeps nothing on disk.
    pub(super) fn end(&mut self) {
        self.session = None;
        self.has_missed |= !self.written.is_empty() || !self.jobs.is_empty() || !self.refused.is_empty();
        self.written.clear();
        self.refused.clear();
        self.queue.clear();
        // Those who wait see the other end of their channel go.
        self.jobs.clear();
    }

    /// The session to make an entry for; `None`: there is nowhere to write it, which is remembered.
    pub(super) fn session(&mut self) -> Option<Session> {
        self.has_missed |= self.session.is_none();
        self.session
    }

    /// The entry is there or on its way already.
    pub(super) fn has(&self, identity: &str, fingerprint: Fingerprint) -> bool {
        match self.jobs.get(identity).map(|job| &job.work) {
            Some(Work::Write { fingerprint: pending, .. }) => *pending == fingerprint,
            Some(Work::Drop) => false,
            None => self.written.get(identity).is_some_and(|written| written.fingerprint == fingerprint),
        }
    }

    /// Takes work, in place of older work for the same Application. Urgent work goes first and can be waited for.
    /// `None`: it was made for a connection that is gone.
    pub(super) fn add(
        &mut self,
        identity: &str,
        session: Session,
        work: Work,
        is_urgent: bool,
    ) -> Option<oneshot::Receiver<bool>> {
        if self.session() != Some(session) {
            return None;
        }
        let (done, told) = oneshot::channel();
        let older = self.jobs.remove(identity);
        match (&older, is_urgent) {
            (Some(_), false) => {}
            (Some(_), true) => {
                self.queue.retain(|queued| queued != identity);
                self.queue.push_front(identity.to_owned());
            }
            (None, true) => self.queue.push_front(identity.to_owned()),
            (None, false) => self.queue.push_back(identity.to_owned()),
        }
        let mut waiting = older.map(|job| job.waiting).unwrap_or_default();
        waiting.push(done);
        self.jobs.insert(identity.to_owned(), Job { work, waiting });
        Some(told)
    }

    /// The next work.
    pub(super) fn next(&mut self) -> Option<(String, Job)> {
        while let Some(identity) = self.queue.pop_front() {
            if let Some(job) = self.jobs.remove(&identity) {
                self.under_way = Some(identity.clone());
                return Some((identity, job));
            }
        }
        None
    }

    /// The work that was taken last is done: the entry is in Redis since `now`. One that was forgotten meanwhile stays
    /// forgotten, or it would be renewed for ever.
    pub(super) fn wrote(&mut self, identity: String, fingerprint: Fingerprint, now: Instant) {
        if self.under_way.take().is_none_or(|under_way| under_way != identity) {
            return;
        }
        self.refused.remove(&identity);
        self.written.insert(identity, Written { fingerprint, at: now });
    }

    /// The server did not take it.
    pub(super) fn refused(&mut self, identity: String) {
        self.written.remove(&identity);
        self.refused.insert(identity);
    }

    /// Those whom the server did not take, once.
    pub(super) fn take_refused(&mut self) -> Vec<String> {
        self.refused.drain().collect()
    }

    /// Those written or renewed at least `age` ago.
    pub(super) fn due(&self, now: Instant, age: Duration) -> Vec<String> {
        let is_due = |written: &Written| now.duration_since(written.at) >= age;
        self.written.iter().filter(|(_, w)| is_due(w)).map(|(identity, _)| identity.clone()).collect()
    }

    /// The entry lives on from `now`.
    pub(super) fn renewed(&mut self, identity: &str, now: Instant) {
        if let Some(written) = self.written.get_mut(identity) {
            written.at = now;
        }
    }

    /// The entry is not in Redis, or is of no interest any more. Work to take it out stays.
    pub(super) fn forget(&mut self, identity: &str) {
        self.written.remove(identity);
        self.refused.remove(identity);
        self.under_way.take_if(|under_way| under_way == identity);
        if matches!(self.jobs.get(identity), Some(Job { work: Work::Write { .. }, .. })) {
            self.jobs.remove(identity);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Fingerprint = 1;
    const B: Fingerprint = 2;

    fn write(fingerprint: Fingerprint) -> Work {
        Work::Write { fingerprint, tree: Vec::new(), managed_resources: Vec::new() }
    }

    fn connected() -> (Ledger, Session) {
        let mut ledger = Ledger::default();
        assert!(!ledger.begin(Compression::Gzip), "nothing was missed before the first connection");
        let session = ledger.session().unwrap();
        (ledger, session)
    }

    fn put(ledger: &mut Ledger, identity: &str, now: Instant) {
        let session = ledger.session().unwrap();
        ledger.add(identity, session, write(A), false).unwrap();
        let (identity, _) = ledger.next().unwrap();
        ledger.wrote(identity, A, now);
    }

    #[test]
    fn what_is_forgotten_while_it_is_written_stays_forgotten() {
        let (mut ledger, session) = connected();
        ledger.add("argocd/a", session, write(A), false).unwrap();
        let (identity, _) = ledger.next().unwrap();
        ledger.forget(&identity);
        ledger.wrote(identity, A, Instant::now());
        assert!(!ledger.has("argocd/a", A));
        assert!(ledger.due(Instant::now(), Duration::ZERO).is_empty());
    }

    #[test]
    fn newer_work_replaces_older_and_whoever_waited_goes_on_waiting() {
        let (mut ledger, session) = connected();
        let mut first = ledger.add("argocd/a", session, write(A), false).unwrap();
        let mut second = ledger.add("argocd/a", session, write(B), false).unwrap();
        assert!(ledger.has("argocd/a", B) && !ledger.has("argocd/a", A));
        let (identity, job) = ledger.next().unwrap();
        assert!(matches!(job.work, Work::Write { fingerprint: B, .. }) && ledger.next().is_none());
        ledger.wrote(identity, B, Instant::now());
        job.waiting.into_iter().for_each(|waiting| waiting.send(true).unwrap());
        assert_eq!((first.try_recv(), second.try_recv()), (Ok(true), Ok(true)));
        assert!(ledger.has("argocd/a", B));
    }

    #[test]
    fn urgent_work_goes_first() {
        let (mut ledger, session) = connected();
        for name in ["argocd/a", "argocd/b", "argocd/c"] {
            ledger.add(name, session, write(A), false).unwrap();
        }
        ledger.add("argocd/c", session, write(A), true).unwrap();
        ledger.add("argocd/d", session, Work::Drop, true).unwrap();
        let order: Vec<String> = std::iter::from_fn(|| ledger.next().map(|(name, _)| name)).collect();
        assert_eq!(order, ["argocd/d", "argocd/c", "argocd/a", "argocd/b"]);
    }

    #[test]
    fn what_a_lost_server_held_is_asked_for_again() {
        let (mut ledger, session) = connected();
        put(&mut ledger, "argocd/a", Instant::now());
        let waiting = ledger.add("argocd/b", session, write(A), true).unwrap();
        ledger.end();
        assert!(waiting.blocking_recv().is_err(), "whoever waited is told");
        assert!(ledger.begin(Compression::None));
        assert!(!ledger.has("argocd/a", A) && ledger.next().is_none());
        assert!(ledger.add("argocd/a", session, write(A), false).is_none(), "made for the lost connection");
        ledger.end();
        assert!(!ledger.begin(Compression::None), "nothing was written, nothing was lost");
        ledger.end();
        assert_eq!(ledger.session(), None);
        assert!(ledger.begin(Compression::Gzip), "there was something to write in between");
    }

    #[test]
    fn what_is_forgotten_is_not_renewed_but_its_removal_stays() {
        let (mut ledger, session) = connected();
        let then = Instant::now();
        for name in ["argocd/a", "argocd/b"] {
            put(&mut ledger, name, then);
        }
        ledger.refused("argocd/c".into());
        let half = Duration::from_secs(1800);
        assert!(ledger.due(then, half).is_empty());
        ledger.add("argocd/a", session, Work::Drop, true).unwrap();
        ledger.add("argocd/b", session, write(B), false).unwrap();
        ledger.forget("argocd/a");
        assert_eq!(ledger.due(then + half, half), ["argocd/b"]);
        ledger.renewed("argocd/b", then + half);
        assert!(ledger.due(then + half, half).is_empty());
        ledger.forget("argocd/b");
        assert_eq!(ledger.next().map(|(name, _)| name).as_deref(), Some("argocd/a"));
        assert!(ledger.next().is_none());
        assert_eq!((ledger.take_refused(), ledger.take_refused()), (vec!["argocd/c".to_owned()], vec![]));
    }
}
