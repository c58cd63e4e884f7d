use std::{
    pin::Pin,
    task::{Context, Poll, Waker},
    thread,
    time::Duration,
};

use diesel::{RunQueryDsl, connection::SimpleConnection, sql_types::BigInt};

use super::*;
use crate::db::{
    batch::queue::{MAX_BATCH, MAX_QUEUED},
    connect::url::DatabaseUrl,
};

/// Fails with [`Error::SessionEnded`] when inserted.
const FAILING: i64 = 7;

const PANICKING: i64 = 8;

#[derive(diesel::QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

/// A writer to a database with one table of unique numbers.
struct Fixture {
    url: DatabaseUrl,
    writer: SqliteWriter,
    _folder: tempfile::TempDir,
}

impl Fixture {
    fn new(timeout: Duration) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url: DatabaseUrl = format!("sqlite:{}", folder.path().join("numbers.db").display()).parse().unwrap();
        let writer =
            SqliteWriter::new(Arc::new(Opener::new(url.clone(), timeout)), Arc::new(History::new(None, false)));
        let fixture = Self { url, writer, _folder: folder };
        fixture.connect().batch_execute("CREATE TABLE numbers (n INTEGER NOT NULL UNIQUE)").unwrap();
        fixture
    }

    /// Opens a connection like another process does.
    fn connect(&self) -> DbConnection {
        DbConnection::create_or_open(&self.url, Duration::from_secs(60)).unwrap()
    }

    /// Opens a connection that keeps the writer waiting until it is rolled back.
    fn lock(&self) -> DbConnection {
        let mut connection = self.connect();
        connection.begin().unwrap();
        connection
    }

    async fn insert(&self, n: i64) -> Result<()> {
        let insert = move |connection: &mut DbConnection| {
            connection.batch_execute(&format!("INSERT INTO numbers VALUES ({n})"))?;
            match n {
                FAILING => Err(Error::SessionEnded),
                PANICKING => panic!("on purpose"),
                _ => Ok(()),
            }
        };
        self.writer.transaction(insert).await
    }

    async fn insert_slowly(&self, n: i64, duration: Duration) -> Result<()> {
        let insert = move |connection: &mut DbConnection| {
            thread::sleep(duration);
            Ok(connection.batch_execute(&format!("INSERT INTO numbers VALUES ({n})"))?)
        };
        self.writer.transaction(insert).await
    }

    /// Requests all insertions while another process keeps the writer waiting, so that they share batches.
    fn insert_together(&self, numbers: &[i64]) -> Vec<Result<()>> {
        self.insert_together_by(numbers, &Self::insert)
    }

    fn insert_together_by(&self, numbers: &[i64], insert: &impl AsyncFn(&Self, i64) -> Result<()>) -> Vec<Result<()>> {
        block_on(async {
            let mut lock = self.lock();
            let mut waiting = numbers.iter().map(|n| Box::pin(insert(self, *n))).collect::<Vec<_>>();
            for request in &mut waiting {
                assert!(poll_once(request.as_mut()).is_pending());
            }
            lock.rollback().unwrap();
            let mut outcomes = Vec::new();
            for request in waiting {
                outcomes.push(request.await);
            }
            outcomes
        })
    }

    fn numbers(&self) -> Vec<i64> {
        let rows: Vec<Number> =
            diesel::sql_query("SELECT n FROM numbers ORDER BY n").load(&mut self.connect()).unwrap();
        rows.into_iter().map(|row| row.n).collect()
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn failing_transaction_is_rolled_back_alone() {
    let fixture = Fixture::new(Duration::from_secs(60));
    let outcomes = fixture.insert_together(&[1, 2, FAILING, 3, 2, PANICKING, 4]);
    let failed: Vec<bool> = outcomes.iter().map(Result::is_err).collect();
    assert_eq!(failed, [false, false, true, false, true, true, false]);
    assert!(matches!(outcomes[2], Err(Error::SessionEnded)));
    assert_eq!(fixture.numbers(), [1, 2, 3, 4]);
    assert_eq!(fixture.insert_together(&[5]).len(), 1);
    assert_eq!(fixture.numbers(), [1, 2, 3, 4, 5], "the worker goes on after a panic");
}

#[test]
fn value_of_each_transaction_reaches_its_own_caller() {
    let fixture = Fixture::new(Duration::from_secs(60));
    block_on(async {
        let text = fixture.writer.transaction(|_| Ok("seven".to_owned()));
        let number = fixture.writer.transaction(|_| Ok(7));
        assert_eq!((text.await.unwrap().as_str(), number.await.unwrap()), ("seven", 7));
    });
}

#[test]
fn more_transactions_than_one_batch_are_committed() {
    let fixture = Fixture::new(Duration::from_secs(60));
    let numbers: Vec<i64> = (100..).take(3 * MAX_BATCH).collect();
    assert!(fixture.insert_together(&numbers).iter().all(Result::is_ok));
    assert_eq!(fixture.numbers(), numbers);
}

/// Twenty that take 30 ms each, and a timeout of 300 ms.
#[test]
fn slow_transactions_are_split_over_several_commits() {
    let fixture = Fixture::new(Duration::from_millis(300));
    let slowly = async |fixture: &Fixture, n| fixture.insert_slowly(n, Duration::from_millis(30)).await;
    let outcomes = fixture.insert_together_by(&(100..120).collect::<Vec<_>>(), &slowly);
    let done = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert!(done >= 3, "{done}");
    assert_eq!(fixture.numbers().len(), done, "exactly the acknowledged ones were committed");
}

#[test]
fn abandoned_transaction_is_not_committed() {
    let fixture = Fixture::new(Duration::from_millis(100));
    block_on(async {
        let mut lock = fixture.lock();
        assert!(matches!(fixture.insert(1).await, Err(Error::Unavailable(_))));
        let mut abandoned = Box::pin(fixture.insert(2));
        assert!(poll_once(abandoned.as_mut()).is_pending());
        drop(abandoned);
        lock.rollback().unwrap();
    });
    assert!(fixture.insert_together(&[3]).iter().all(Result::is_ok));
    assert_eq!(fixture.numbers(), [3]);
}

#[test]
fn full_queue_drops_abandoned_transactions_and_rejects_new_ones() {
    let fixture = Fixture::new(Duration::from_secs(60));
    let submit = || Box::pin(fixture.writer.transaction(|_| Ok(())));
    let queued = || fixture.writer.0.queued();
    let _lock = fixture.lock();
    block_on(async {
        for _ in 0..=MAX_QUEUED + MAX_BATCH {
            assert!(poll_once(submit().as_mut()).is_pending());
        }
        assert!(queued() < MAX_QUEUED);
        let mut waiting: Vec<_> = (0..MAX_QUEUED).map(|_| submit()).collect();
        for request in &mut waiting {
            assert!(poll_once(request.as_mut()).is_pending());
        }
        assert!(matches!(submit().await, Err(Error::Unavailable(_))));
        assert_eq!(queued(), MAX_QUEUED);
    });
}
