//! Runs random sequences of all operations, and of what other programs do to the tables, against a small model in
//! memory.
//!
//! After each step the tables must match the model: which sessions are alive, under which sid, with which data, and why
//! the others ended. `PROPTEST_CASES` sets the number of sequences; a failing one is shrunk, printed, and kept beside
//! this file in `mod.proptest-regressions`.

use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, FileFailurePersistence, TestRunner},
};

use crate::support::{EngineKind, on_both_engines};
use world::{Step, World};

mod world;

on_both_engines!(tables_match_the_model_after_random_steps);

/// An index into the sids created so far, taken modulo their number.
fn any_sid() -> impl Strategy<Value = usize> {
    0..12_usize
}

fn any_user() -> impl Strategy<Value = usize> {
    0..2_usize
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (any_user(), any::<bool>()).prop_map(|(user, remember)| Step::Start { user, remember }),
        2 => (any_sid(), any_user()).prop_map(|(sid, user)| Step::StartOver { sid, user }),
        3 => any_sid().prop_map(Step::Resume),
        4 => (any_sid(), 0..3_u8, any::<Option<u8>>()).prop_map(|(sid, key, value)| Step::Save { sid, key, value }),
        2 => any_sid().prop_map(Step::Rotate),
        2 => any_sid().prop_map(Step::SignOut),
        2 => (any_user(), any_sid()).prop_map(|(user, sid)| Step::Revoke { user, sid }),
        1 => any_sid().prop_map(Step::RevokeOthers),
        1 => any_sid().prop_map(Step::RevokeByAdmin),
        1 => any_user().prop_map(Step::Disable),
        2 => any_user().prop_map(Step::Enable),
        3 => prop_oneof![Just(30), Just(90), Just(3600), Just(11 * 3600), Just(25 * 3600)].prop_map(Step::Advance),
        2 => Just(Step::RecordActivity),
        1 => Just(Step::Purge),
        2 => any_sid().prop_map(Step::ForeignSet),
        1 => any_sid().prop_map(Step::ForeignTouch),
        1 => any_sid().prop_map(Step::ForeignDestroy),
        1 => any_sid().prop_map(Step::ForeignEnd),
    ]
}

fn tables_match_the_model_after_random_steps(engine: EngineKind) {
    let mut config = Config::with_source_file(file!());
    config.failure_persistence = Some(Box::new(FileFailurePersistence::WithSource("proptest-regressions")));
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = 12;
    }
    config.max_shrink_iters = 400;
    let outcome = TestRunner::new(config).run(&vec(any_step(), 1..40), |steps| {
        let mut world = World::new(engine);
        for step in &steps {
            world.apply(step);
            world.assert_matches();
        }
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}
