//! Tokens that are made on the command line.

use anyhow::Context;
use protocol::signal::Role;
use time::{Duration, OffsetDateTime};

use super::{JoinClaims, Seat, Tokens};
use crate::config::TokenArgs;
use crate::demo::DemoLessons;
use crate::service::lessons::DEMO;
use crate::store::Store;

/// The token `tongke token` prints, made from a data directory beside its running server.
///
/// # Errors
///
/// When the directory is no server's, or has no such lesson.
pub async fn for_tool(args: &TokenArgs, now: OffsetDateTime) -> anyhow::Result<String> {
    let shown = args.data.display();
    anyhow::ensure!(
        args.data.join("tongke.db").exists(),
        "--data {shown:?} is no data directory of a server; start `tongke serve --data {shown}` once"
    );
    let store = Store::open(&args.data).await?;
    let demo = args.lesson == DEMO;
    let lesson = if demo {
        let demo = DemoLessons::read(store.clone()).await?;
        demo.map(|demo| demo.current())
            .context("--lesson demo: this server was never started with --demo")?
    } else {
        let parsed = args.lesson.parse();
        parsed.map_err(|_| {
            anyhow::anyhow!(
                "--lesson {:?} is wrong; allowed: a lesson's id, or demo",
                args.lesson
            )
        })?
    };
    let row = store
        .lesson(lesson)
        .await?
        .with_context(|| format!("--lesson {lesson}: there is no such lesson"))?;
    let number = format!("{:08x}", rand::random::<u32>());
    let role = Role::from(args.role);
    let claims = JoinClaims {
        lesson,
        role,
        name: if role == Role::Teacher {
            row.teacher_name
        } else {
            format!("tool {number}")
        },
        school: store.places().await?.school_body(row.school).name,
        seat: Seat::Tool(number),
        expires_at: now + Duration::hours(i64::from(args.hours)),
    };
    store.close().await?;
    let tokens = Tokens::open(&args.data)?;
    Ok(if demo {
        tokens.issue_demo(&claims)?
    } else {
        tokens.issue(&claims)?
    })
}
