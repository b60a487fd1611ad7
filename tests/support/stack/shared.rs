//! One stack for all tests of a program, started by the first that asks, ended with the program.

use std::ops::Deref;

use tokio::sync::{OnceCell, RwLock, RwLockReadGuard, RwLockWriteGuard};
use uuid::Uuid;

use super::options::StackOptions;
use super::scratch::Scratch;
use super::start::Stack;

/// The stack and the folder it lives in.
struct Home {
    stack: Stack,
    _scratch: Scratch,
}

static HOME: OnceCell<RwLock<Home>> = OnceCell::const_new();

/// The stack, used together with other tests: each makes its own databases and topics, with [`Stack::unique`].
pub struct SharedStack(RwLockReadGuard<'static, Home>);

/// The stack for one test alone, which may crash and restart its parts; it leaves them running.
pub struct ExclusiveStack(RwLockWriteGuard<'static, Home>);

impl Deref for SharedStack {
    type Target = Stack;

    fn deref(&self) -> &Stack {
        &self.0.stack
    }
}

impl Deref for ExclusiveStack {
    type Target = Stack;

    fn deref(&self) -> &Stack {
        &self.0.stack
    }
}

impl std::fmt::Debug for SharedStack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SharedStack").field(&self.0.stack).finish()
    }
}

impl std::fmt::Debug for ExclusiveStack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ExclusiveStack").field(&self.0.stack).finish()
    }
}

impl Stack {
    /// A name for a database, a role or a topic prefix that no other test has.
    pub fn unique(stem: &str) -> String {
        let mut name = format!("{stem}_{}", Uuid::new_v4().simple());
        name.truncate(stem.len() + 1 + 12);
        name
    }
}

/// Waits for the stack, which other tests may use at the same time.
///
/// # Errors
/// When it could not be started; the next test to ask tries again.
pub async fn shared() -> anyhow::Result<SharedStack> {
    Ok(SharedStack(Box::pin(home()).await?.read().await))
}

/// Waits until no other test uses the stack.
///
/// # Errors
/// When it could not be started.
pub async fn exclusive() -> anyhow::Result<ExclusiveStack> {
    Ok(ExclusiveStack(Box::pin(home()).await?.write().await))
}

async fn home() -> anyhow::Result<&'static RwLock<Home>> {
    HOME.get_or_try_init(|| async {
        let scratch = Scratch::create()?;
        let stack = Box::pin(Stack::start(scratch.path(), &StackOptions::default())).await?;
        anyhow::Ok(RwLock::new(Home { stack, _scratch: scratch }))
    })
    .await
}
