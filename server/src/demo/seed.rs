//! What the demo district is made of. Making it again changes nothing.

use protocol::api::UserRole;
use protocol::id::{ClassroomId, LessonId, RegionId, SchoolId, UserId};
use time::{Duration, OffsetDateTime, UtcOffset};

use super::{COURSE, LENGTH, add_on_now};
use crate::redact::{Name, Secret};
use crate::service::identity::hash_password;
use crate::service::{Result, Services};
use crate::store::{LessonFilter, NewLesson, UserRow};

/// Accounts of the demo: account, password, full name, role.
pub const ACCOUNTS: [(&str, &str, &str, UserRole); 3] = [
    ("teacher", "tongke-teacher", "王秀英", UserRole::Teacher),
    (
        "researcher",
        "tongke-researcher",
        "欧阳建国",
        UserRole::Researcher,
    ),
    (
        "admin",
        "tongke-admin",
        "古丽娜尔·买买提",
        UserRole::Administrator,
    ),
];

/// Other teachers of the region, who have lessons and no password anybody knows.
const COLLEAGUES: [(&str, &str); 2] = [("teacher-li", "李明"), ("teacher-zhao", "赵雅琴")];

/// Lessons of a day: subject, grade, title, teacher's account, begin in minutes of the day, classrooms by number.
type Slot = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    i64,
    &'static [usize],
);
const DAY: [Slot; 6] = [
    (
        "音乐",
        "三年级",
        "草原就是我的家",
        "teacher-li",
        8 * 60 + 30,
        &[0, 2],
    ),
    (
        "数学",
        "三年级",
        "分数的初步认识(二):比一比,哪个更大",
        "teacher",
        9 * 60 + 30,
        &[0, 2],
    ),
    (
        "英语",
        "四年级",
        "Unit 3 Weather: What's the weather like in Urumqi?",
        "teacher-zhao",
        10 * 60 + 30,
        &[1],
    ),
    (
        "数学",
        "四年级",
        "平行四边形和梯形",
        "teacher",
        14 * 60 + 30,
        &[1],
    ),
    (
        "美术",
        "三年级",
        "画一画我们的村庄",
        "teacher-li",
        16 * 60,
        &[0, 1, 2],
    ),
    (
        "数学",
        "三年级",
        "答疑与练习",
        "teacher",
        19 * 60 + 30,
        &[0, 1, 2],
    ),
];
/// The region keeps one clock.
const CHINA: UtcOffset = time::macros::offset!(+8);
const LESSON: Duration = Duration::minutes(40);
const SEEDED: &str = "demo_district";
const PLANNED: &str = "demo_planned_to";

/// What is printed at start.
#[derive(Clone, Debug)]
pub struct Seeded {
    /// The lesson that is on.
    pub lesson: LessonId,
    /// Classrooms that attend it and have no terminal, with a fresh code each: classroom, school, code.
    pub codes: Vec<(String, String, Secret)>,
}

/// Region, schools, classrooms, people and the demo lesson, once.
pub(super) async fn district(services: &Services, now: OffsetDateTime) -> Result<()> {
    let store = &services.store;
    if store.setting(SEEDED).await?.is_some() {
        return Ok(());
    }
    let region = store.add_region(None, "演示区").await?;
    let city = store.add_school(region, "演示区实验小学").await?;
    let rural = store
        .add_school(region, "内蒙古自治区阿鲁科尔沁旗天山第六小学")
        .await?;
    let hamlet = store.add_school(region, "岔口小学").await?;
    let mut classrooms = Vec::new();
    for (school, name) in [
        (rural, "三年级(2)班"),
        (rural, "四年级(1)班多媒体教室"),
        (hamlet, "三年级(1)班"),
    ] {
        classrooms.push(store.add_classroom(school, name).await?);
    }
    let mut teacher = None;
    for (account, password, name, role) in ACCOUNTS {
        let school = (role == UserRole::Teacher).then_some(city);
        let id = person(
            services,
            account,
            Secret::new(password),
            name,
            role,
            region,
            school,
        )
        .await?;
        teacher = teacher.or(school.is_some().then_some(id));
    }
    for (account, name) in COLLEAGUES {
        let nobody_knows = crate::service::terminals::fresh_token()?;
        person(
            services,
            account,
            nobody_knows,
            name,
            UserRole::Teacher,
            region,
            Some(city),
        )
        .await?;
    }
    let teacher = teacher.ok_or(crate::service::Error::Internal("the demo has no teacher"))?;
    let course = store.add_course(teacher, city, "数学", "三年级").await?;
    store.set_setting(COURSE, &course.to_string()).await?;
    let new = NewLesson {
        course,
        teacher,
        title: "分数的初步认识".to_owned(),
        starts_at: now,
        ends_at: now + LENGTH,
        classrooms,
    };
    add_on_now(store, &new, now).await?;
    store.set_setting(SEEDED, &city.to_string()).await?;
    Ok(())
}

async fn person(
    services: &Services,
    account: &str,
    password: Secret,
    name: &str,
    role: UserRole,
    region: RegionId,
    school: Option<SchoolId>,
) -> Result<UserId> {
    let id = UserId::new();
    let password_hash = tokio::task::spawn_blocking(move || hash_password(&password))
        .await
        .map_err(|_| crate::service::Error::Internal("hashing"))??;
    services
        .store
        .add_user(&UserRow {
            id,
            account: Name::new(account),
            name: Name::new(name),
            password_hash,
            region,
            school,
            roles: vec![role],
        })
        .await?;
    Ok(id)
}

/// Lessons of today that are still to come, and of tomorrow.
pub(super) async fn timetable(services: &Services, now: OffsetDateTime) -> Result<()> {
    let store = &services.store;
    let planned_to = store
        .setting(PLANNED)
        .await?
        .and_then(|text| text.parse::<i64>().ok());
    let from = planned_to
        .and_then(|s| OffsetDateTime::from_unix_timestamp(s).ok())
        .map_or(now, |to| to.max(now));
    let midnight = now.to_offset(CHINA).replace_time(time::Time::MIDNIGHT);
    let until = midnight + Duration::days(2);
    if from >= until {
        return Ok(());
    }
    let Some(city) = store.setting(SEEDED).await?.and_then(|id| id.parse().ok()) else {
        return Ok(());
    };
    let classrooms = demo_classrooms(services).await?;
    for day in 0..2 {
        for slot in DAY {
            let starts_at = midnight + Duration::days(day) + Duration::minutes(slot.4);
            // Lessons that would open while the demo lesson is tried out only confuse.
            let from = from.max(now + LENGTH);
            if starts_at >= from && starts_at < until {
                add_slot(services, city, slot, starts_at, &classrooms).await?;
            }
        }
    }
    store
        .set_setting(PLANNED, &until.unix_timestamp().to_string())
        .await?;
    Ok(())
}

async fn demo_classrooms(services: &Services) -> Result<Vec<ClassroomId>> {
    let Some(demo) = services
        .store
        .setting(super::CURRENT)
        .await?
        .and_then(|id| id.parse().ok())
    else {
        return Ok(Vec::new());
    };
    Ok(services.lessons.get(demo).await?.classrooms)
}

async fn add_slot(
    services: &Services,
    city: SchoolId,
    (subject, grade, title, account, _, numbers): Slot,
    starts_at: OffsetDateTime,
    classrooms: &[ClassroomId],
) -> Result<()> {
    let store = &services.store;
    let Some(teacher) = store.user_by_account(account).await? else {
        return Ok(());
    };
    // One course per subject and grade of a teacher: the one of an earlier lesson, if there is one.
    let earlier = store
        .lessons(&LessonFilter {
            teacher: Some(teacher.id),
            ..LessonFilter::default()
        })
        .await?;
    let demo = store.setting(COURSE).await?;
    let same = earlier
        .iter()
        .find(|row| row.subject == subject && row.grade == grade && Some(row.course.to_string()) != demo);
    let course = match same {
        Some(row) => row.course,
        None => store.add_course(teacher.id, city, subject, grade).await?,
    };
    store
        .add_lesson(&NewLesson {
            course,
            teacher: teacher.id,
            title: title.to_owned(),
            starts_at,
            ends_at: starts_at + LESSON,
            classrooms: numbers
                .iter()
                .filter_map(|number| classrooms.get(*number).copied())
                .collect(),
        })
        .await?;
    Ok(())
}

/// A fresh code for each classroom of the demo lesson that has no terminal.
pub(super) async fn pairing_codes(
    services: &Services,
    lesson: LessonId,
    now: OffsetDateTime,
) -> Result<Vec<(String, String, Secret)>> {
    let terminals = services.store.terminals().await?;
    let mut codes = Vec::new();
    for classroom in services.lessons.attendees(lesson).await? {
        if terminals
            .iter()
            .any(|terminal| terminal.classroom == classroom.id)
        {
            continue;
        }
        let code = services.terminals.make_code(classroom.id, now).await?;
        codes.push((classroom.name, classroom.school.name, code));
    }
    Ok(codes)
}
