#![allow(missing_docs, clippy::all)]
extern crate self as acceptance;
pub mod stack {
    pub struct Pg;
    pub struct Stack {
        pub registry: Pg,
    }
    pub type SharedStack = Stack;
    pub async fn shared() -> Result<SharedStack, String> {
        Ok(Stack { registry: Pg })
    }
    impl Stack {
        pub fn unique(stem: &str) -> String {
            format!("{stem}_{}", &uuid::Uuid::new_v4().simple().to_string()[..12])
        }
    }
    impl Pg {
        pub fn administrator_url(&self, name: &str) -> String {
            format!("postgres://postgres@127.0.0.1:55433/{name}")
        }
        pub async fn create_database(&self, name: &str) -> Result<(), sqlx::Error> {
            use sqlx::Connection as _;
            let mut c = sqlx::PgConnection::connect(&self.administrator_url("postgres")).await?;
            sqlx::query(sqlx::AssertSqlSafe(format!("create database {name}"))).execute(&mut c).await?;
            Ok(())
        }
    }
}
mod perf;
mod reconciler;
