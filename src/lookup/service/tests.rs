use std::sync::atomic::{AtomicUsize, Ordering};

use futures::FutureExt as _;
use tokio::sync::Semaphore;

use super::*;

const BUDGET: usize = 64 << 10;

impl Answer for String {
    fn bytes(&self) -> usize {
        self.len()
    }
}

/// Whoever is asked: counts, and answers when told to.
struct Asked {
    service: Arc<Service>,
    woken: mpsc::UnboundedReceiver<String>,
    times: Arc<AtomicUsize>,
    answers: Arc<Semaphore>,
}

impl Asked {
    fn new() -> Self {
        let (service, woken) = Service::new(BUDGET, Arc::default(), CancellationToken::new());
        Self { service, woken, times: Arc::default(), answers: Arc::new(Semaphore::new(0)) }
    }

    fn ask(
        &self,
        answer: Result<String, Failure>,
    ) -> impl Fn() -> BoxFuture<'static, Result<String, Failure>> {
        let (times, answers) = (Arc::clone(&self.times), Arc::clone(&self.answers));
        move || {
            let (times, answers, answer) = (Arc::clone(&times), Arc::clone(&answers), answer.clone());
            async move {
                times.fetch_add(1, Ordering::Relaxed);
                answers.acquire().await.unwrap().forget();
                answer
            }
            .boxed()
        }
    }

    fn get(
        &self,
        question: &Question,
        freshness: Freshness,
        answer: Result<String, Failure>,
    ) -> Found<String> {
        self.service.get(question, &Party::default(), freshness, self.ask(answer))
    }

    fn times(&self) -> usize {
        self.times.load(Ordering::Relaxed)
    }

    async fn wait(
        &self,
        about: &str,
        freshness: Freshness,
        ask: impl Fn() -> BoxFuture<'static, Result<String, Failure>>,
    ) -> Result<String, Failure> {
        self.service.wait(&question(about), &Party::default(), freshness, ask).await
    }

    /// Whoever is asked answers once; ends when that is known.
    async fn answered(&self, flight: &Flight) {
        self.answers.add_permits(1);
        flight.done().await;
    }
}

fn question(about: &str) -> Question {
    Question { kind: Kind::Manifests, about: about.into() }
}

fn text(text: &str) -> Result<String, Failure> {
    Ok(text.to_owned())
}

fn refused() -> Failure {
    Failure::new(Cause::Refused, "no such branch")
}

#[tokio::test]
async fn many_ask_and_one_question_goes_out() {
    let mut asked = Asked::new();
    let question = question("a");
    for number in 0..20 {
        let found = asked.get(&question, Freshness::default(), text("answer"));
        assert!(matches!(found.known, Known::Nothing(_)));
        asked.service.wake(&found.flight.unwrap(), &format!("argocd/{number}"), false);
    }
    let flight = asked.get(&question, Freshness::default(), text("answer")).flight.unwrap();
    asked.answered(&flight).await;
    let found = asked.get(&question, Freshness::default(), text("another"));
    assert_eq!((found.known, asked.times()), (Known::Answer("answer".to_owned()), 1));
    assert!(found.flight.is_none());
    let mut woken: Vec<_> = std::iter::from_fn(|| asked.woken.try_recv().ok()).collect();
    woken.sort_unstable();
    let mut expected: Vec<_> = (0..20).map(|number| format!("argocd/{number}")).collect();
    expected.sort_unstable();
    assert_eq!(woken, expected);
    // Who comes when it has ended is woken at once.
    asked.service.wake(&flight, "argocd/late", false);
    assert_eq!(asked.woken.try_recv().unwrap(), "argocd/late");
}

#[tokio::test]
async fn a_failure_counts_for_a_while_and_not_for_who_wants_to_know_anew() {
    let asked = Asked::new();
    let question = question("a");
    let flight = asked.get(&question, Freshness::default(), Err(refused())).flight.unwrap();
    asked.answered(&flight).await;
    let found = asked.get(&question, Freshness::default(), text("answer"));
    assert!(
        matches!(&found.known, Known::Failure(failure, _, left) if *failure == refused() && !left.is_zero())
    );
    assert!(found.flight.is_none());
    let anew = Freshness { since: Some(Timestamp::now()), ..Freshness::default() };
    let found = asked.get(&question, anew, text("answer"));
    assert!(matches!(found.known, Known::Nothing(_)));
    asked.answered(&found.flight.unwrap()).await;
    assert_eq!(asked.get(&question, anew, text("x")).known, Known::Answer("answer".to_owned()));
    assert_eq!(asked.times(), 2);
}

#[tokio::test]
async fn an_old_answer_does_until_the_new_one_comes() {
    let mut asked = Asked::new();
    let question = question("a");
    let old = Freshness { max_age: Some(Duration::ZERO), ..Freshness::default() };
    let flight = asked.get(&question, old, text("one")).flight.unwrap();
    asked.answered(&flight).await;
    // The same again is no news, another answer is.
    for (answer, woken) in [("one", None), ("two", Some("argocd/a".to_owned()))] {
        let found = asked.get(&question, old, text(answer));
        assert_eq!(found.known, Known::Answer("one".to_owned()));
        let flight = found.flight.unwrap();
        asked.service.wake(&flight, "argocd/a", true);
        asked.answered(&flight).await;
        assert_eq!(asked.woken.try_recv().ok(), woken, "{answer}");
    }
    // Who takes no old answer waits.
    let strict = Freshness { is_strict: true, ..old };
    assert!(matches!(asked.get(&question, strict, text("three")).known, Known::Nothing(_)));
}

#[tokio::test]
async fn a_hard_refresh_takes_no_answer_out_of_a_cache() {
    let asked = Asked::new();
    let question = question("a");
    let since = Some(Timestamp::now());
    let soft = Freshness { since, ..Freshness::default() };
    let flight = asked.get(&question, soft, text("one")).flight.unwrap();
    asked.answered(&flight).await;
    let hard = Freshness { is_hard: true, ..soft };
    let found = asked.get(&question, hard, text("two"));
    assert!(matches!(found.known, Known::Nothing(_)));
    asked.answered(&found.flight.unwrap()).await;
    assert_eq!(asked.get(&question, hard, text("x")).known, Known::Answer("two".to_owned()));
    // And whoever wants less takes it as well.
    assert_eq!(asked.get(&question, soft, text("x")).known, Known::Answer("two".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn who_does_not_answer_is_given_up_and_holds_up_nobody_elses() {
    let asked = Asked::new();
    let hangs = question("hangs");
    let flight = asked.get(&hangs, Freshness::default(), text("never")).flight.unwrap();
    let at_once = || async { text("at once") }.boxed();
    assert_eq!(asked.wait("answers", Freshness::default(), at_once).await, text("at once"));
    assert!(matches!(asked.get(&hangs, Freshness::default(), text("never")).known, Known::Nothing(_)));
    flight.done().await;
    let Known::Failure(failure, ..) = asked.get(&hangs, Freshness::default(), text("never")).known else {
        panic!("it is not known that nobody answers")
    };
    assert_eq!(failure.cause, Cause::Unanswered);
    assert_eq!(failure.to_string(), "Argo CD's repo-server did not answer within 90s");
}

#[tokio::test]
async fn a_panic_is_a_failure_of_one_question() {
    let asked = Asked::new();
    let panics = || async { panic!("a mistake") }.boxed();
    let failure = asked.wait("a", Freshness::default(), panics).await.unwrap_err();
    assert_eq!(failure.cause, Cause::Refused);
    let goes_on = || async { text("goes on") }.boxed();
    assert_eq!(asked.wait("b", Freshness::default(), goes_on).await, text("goes on"));
}

#[tokio::test]
async fn answers_stay_within_their_budget() {
    let asked = Asked::new();
    let wait = async |about: &str, size: usize| {
        asked.wait(about, Freshness::default(), || async move { Ok("x".repeat(size)) }.boxed()).await
    };
    for number in 0..1000 {
        assert!(wait(&number.to_string(), 1 << 10).await.is_ok());
    }
    asked.service.cache.run_pending_tasks();
    assert!(asked.service.cache.weighted_size() <= BUDGET as u64);
    // The one that came last is there, whatever came before.
    let last = asked.get(&question("999"), Freshness::default(), text("asked again"));
    assert_eq!(last.known, Known::Answer("x".repeat(1 << 10)));
    let first = asked.get(&question("0"), Freshness::default(), text("asked again"));
    assert!(matches!(first.known, Known::Nothing(_)));
    let error = wait("large", BUDGET).await.unwrap_err().to_string();
    assert!(error.contains("--lookup-memory"), "{error}");
}

#[tokio::test]
async fn an_answer_that_was_asked_for_too_early_is_not_waited_for() {
    let asked = Asked::new();
    let question = question("a");
    let early = asked.get(&question, Freshness::default(), text("before the push")).flight.unwrap();
    let anew = Freshness { since: Some(Timestamp::now()), ..Freshness::default() };
    let wait = asked.wait("a", anew, asked.ask(text("after the push")));
    asked.answers.add_permits(2);
    assert_eq!(wait.await, text("after the push"));
    early.done().await;
    assert_eq!(asked.times(), 2);
}
