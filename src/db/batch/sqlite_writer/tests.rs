use std::{
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use diesel::{RunQueryDsl, connection::SimpleConnection, sql_types::BigInt};

use super::*;
use crate::db::{Database, DatabaseOptions, DatabaseUrl};

#[derive(diesel::QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

struct Numbers {
    folder: tempfile::TempDir,
    database: Database,
}

impl Numbers {
    fn new(timeout: Duration) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let numbers = Self { database: Database::open(DatabaseOptions { timeout, ..options(&folder) }), folder };
        numbers.another().batch_execute("CREATE TABLE numbers (n INTEGER NOT NULL UNIQUE)").unwrap();
        numbers
    }

    /// A connection of somebody else.
    fn another(&self) -> DbConnection {
        DbConnection::create_or_open(&options(&self.folder).url, Duration::from_secs(60)).unwrap()
    }

    async fn add(&self, n: i64) -> Result<()> {
        let add = move |connection: &mut DbConnection| {
            connection.batch_execute(&format!("INSERT INTO numbers VALUES ({n})"))?;
            match n {
                7 => Err(Error::SessionEnded),
                8 => panic!("on purpose"),
                _ => Ok(()),
            }
        };
        self.database.transaction(add).await
    }

    async fn add_slowly(&self, n: i64, takes: Duration) -> Result<()> {
        let add = move |connection: &mut DbConnection| {
            thread::sleep(takes);
            Ok(connection.batch_execute(&format!("INSERT INTO numbers VALUES ({n})"))?)
        };
        self.database.transaction(add).await
    }

    fn all(&self) -> Vec<i64> {
        let rows: Vec<Count> = diesel::sql_query("SELECT n FROM numbers ORDER BY n").load(&mut self.another()).unwrap();
        rows.into_iter().map(|row| row.n).collect()
    }
}

fn options(folder: &tempfile::TempDir) -> DatabaseOptions {
    let url: DatabaseUrl = format!("sqlite:{}", folder.path().join("numbers.db").display()).parse().unwrap();
    DatabaseOptions::for_server(url)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap()
}

/// Runs them at once, while somebody else keeps the writer waiting until all have been asked for.
fn together(numbers: &Numbers, asked: &[i64]) -> Vec<Result<()>> {
    together_each(numbers, asked, Numbers::add)
}

fn together_each(numbers: &Numbers, asked: &[i64], ask: impl AsyncFn(&Numbers, i64) -> Result<()>) -> Vec<Result<()>> {
    runtime().block_on(async move {
        let mut holding = numbers.another();
        holding.begin().unwrap();
        let mut waiting = asked.iter().map(|n| Box::pin(ask(numbers, *n))).collect::<Vec<_>>();
        for one in &mut waiting {
            assert!(poll_once(one.as_mut()).is_pending());
        }
        holding.rollback().unwrap();
        let mut outcomes = Vec::new();
        for one in waiting {
            outcomes.push(one.await);
        }
        outcomes
    })
}

#[test]
fn what_fails_alone_is_taken_back_alone() {
    let numbers = Numbers::new(Duration::from_secs(60));
    let outcomes = together(&numbers, &[1, 2, 7, 3, 2, 8, 4]);
    let failed: Vec<bool> = outcomes.iter().map(Result::is_err).collect();
    assert_eq!(failed, [false, false, true, false, true, true, false]);
    assert!(matches!(outcomes[2], Err(Error::SessionEnded)));
    assert_eq!(numbers.all(), [1, 2, 3, 4]);
    assert_eq!(together(&numbers, &[5]).len(), 1);
    assert_eq!(numbers.all(), [1, 2, 3, 4, 5], "it goes on after a panic");
}

#[test]
fn more_than_one_batch_is_done() {
    let numbers = Numbers::new(Duration::from_secs(60));
    let asked: Vec<i64> = (100..100 + 3 * i64::try_from(BATCH).unwrap()).collect();
    assert!(together(&numbers, &asked).iter().all(Result::is_ok));
    assert_eq!(numbers.all(), asked);
}

/// Twenty that take 30 ms each, and 300 ms of timeout.
#[test]
fn those_that_are_slow_together_do_not_make_each_other_late() {
    let numbers = Numbers::new(Duration::from_millis(300));
    let slowly = async |numbers: &Numbers, n| numbers.add_slowly(n, Duration::from_millis(30)).await;
    let outcomes = together_each(&numbers, &(100..120).collect::<Vec<_>>(), slowly);
    let done = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert!(done >= 3, "{done}");
    assert_eq!(numbers.all().len(), done, "what was answered was done, and nothing else");
}

#[test]
fn what_nobody_waits_for_any_more_does_not_happen() {
    let numbers = Numbers::new(Duration::from_millis(100));
    runtime().block_on(async {
        let mut holding = numbers.another();
        holding.begin().unwrap();
        assert!(matches!(numbers.add(1).await, Err(Error::Unavailable(_))));
        let asked = numbers.add(2);
        drop(asked);
        holding.rollback().unwrap();
    });
    assert!(together(&numbers, &[3]).iter().all(Result::is_ok));
    assert_eq!(numbers.all(), [3]);
}

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn a_crowd_that_gave_up_is_cleared_away_and_one_that_waits_is_not_let_grow() {
    let numbers = Numbers::new(Duration::from_secs(60));
    let writer = Writer::new(numbers.database.opener().clone());
    let ask = || Box::pin(writer.transaction(|_| Ok(())));
    let waiting = || writer.0.queue.state.lock().waiting.len();
    let mut holding = numbers.another();
    holding.begin().unwrap();
    runtime().block_on(async {
        for _ in 0..=CROWDED + BATCH {
            assert!(poll_once(ask().as_mut()).is_pending());
        }
        assert!(waiting() < CROWDED);
        let mut kept: Vec<_> = (0..CROWDED).map(|_| ask()).collect();
        for one in &mut kept {
            assert!(poll_once(one.as_mut()).is_pending());
        }
        assert!(matches!(ask().await, Err(Error::Unavailable(_))));
        assert_eq!(waiting(), CROWDED);
    });
}
