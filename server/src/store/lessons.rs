//! Courses, lessons, and who attends.

use std::collections::HashMap;

use protocol::id::{ClassroomId, CourseId, LessonId, SchoolId, UserId};
use protocol::signal::LessonState;
use sea_orm::sea_query::{Expr, Query};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select,
    Set, TransactionTrait,
};
use time::OffsetDateTime;

use super::entity::{course, lesson, lesson_classroom, user};
use super::{Result, Store, StoreError, ms, time_of};
use crate::domain::lesson::{state_of, state_word};

/// A lesson with what its course says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LessonRow {
    /// Id.
    pub id: LessonId,
    /// Of which course.
    pub course: CourseId,
    /// What is taught.
    pub title: String,
    /// Subject.
    pub subject: String,
    /// Grade.
    pub grade: String,
    /// Who teaches it.
    pub teacher: UserId,
    /// That person's name.
    pub teacher_name: String,
    /// The teaching school.
    pub school: SchoolId,
    /// State.
    pub state: LessonState,
    /// By the timetable.
    pub starts_at: OffsetDateTime,
    /// By the timetable.
    pub ends_at: OffsetDateTime,
    /// When it went live.
    pub live_since: Option<OffsetDateTime>,
    /// When it ended.
    pub ended_at: Option<OffsetDateTime>,
    /// Who attends, in the order of their ids.
    pub classrooms: Vec<ClassroomId>,
}

/// A lesson to be made.
#[derive(Clone, Debug)]
pub struct NewLesson {
    /// Of which course.
    pub course: CourseId,
    /// Who teaches it.
    pub teacher: UserId,
    /// What is taught.
    pub title: String,
    /// By the timetable.
    pub starts_at: OffsetDateTime,
    /// By the timetable.
    pub ends_at: OffsetDateTime,
    /// Who attends.
    pub classrooms: Vec<ClassroomId>,
}

/// Which lessons are wanted; all when empty.
#[derive(Clone, Debug, Default)]
pub struct LessonFilter {
    /// These only.
    pub ids: Option<Vec<LessonId>>,
    /// Ends after.
    pub from: Option<OffsetDateTime>,
    /// Starts before.
    pub to: Option<OffsetDateTime>,
    /// Taught by.
    pub teacher: Option<UserId>,
    /// Of this course.
    pub course: Option<CourseId>,
    /// Attended by.
    pub classroom: Option<ClassroomId>,
    /// In one of these states.
    pub states: Option<Vec<LessonState>>,
    /// At most so many.
    pub limit: Option<u64>,
}

impl Store {
    /// Adds a course.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn add_course(
        &self,
        teacher: UserId,
        school: SchoolId,
        subject: &str,
        grade: &str,
    ) -> Result<CourseId> {
        let id = CourseId::new();
        course::ActiveModel {
            id: Set(id.0),
            teacher_id: Set(teacher.0),
            school_id: Set(school.0),
            subject: Set(subject.to_owned()),
            grade: Set(grade.to_owned()),
        }
        .insert(&self.db)
        .await?;
        Ok(id)
    }

    /// Adds a lesson that is scheduled.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn add_lesson(&self, new: &NewLesson) -> Result<LessonId> {
        let id = LessonId::new();
        let transaction = self.db.begin().await?;
        lesson::ActiveModel {
            id: Set(id.0),
            course_id: Set(new.course.0),
            teacher_id: Set(new.teacher.0),
            title: Set(new.title.clone()),
            state: Set(state_word(LessonState::Scheduled).to_owned()),
            starts_ms: Set(ms(new.starts_at)),
            ends_ms: Set(ms(new.ends_at)),
            live_ms: Set(None),
            ended_ms: Set(None),
        }
        .insert(&transaction)
        .await?;
        for classroom in &new.classrooms {
            lesson_classroom::ActiveModel {
                lesson_id: Set(id.0),
                classroom_id: Set(classroom.0),
            }
            .insert(&transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(id)
    }

    /// One lesson.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn lesson(&self, id: LessonId) -> Result<Option<LessonRow>> {
        let filter = LessonFilter {
            ids: Some(vec![id]),
            ..LessonFilter::default()
        };
        Ok(self.lessons(&filter).await?.pop())
    }

    /// Lessons by start.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn lessons(&self, filter: &LessonFilter) -> Result<Vec<LessonRow>> {
        let query = select(filter)
            .order_by_asc(lesson::Column::StartsMs)
            .order_by_asc(lesson::Column::Id);
        let rows = query.limit(filter.limit).all(&self.db).await?;
        self.complete(rows).await
    }

    /// How many lessons match.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn count_lessons(&self, filter: &LessonFilter) -> Result<u64> {
        Ok(select(filter).count(&self.db).await?)
    }

    /// Adds what courses, teachers and attendance say; three queries however many lessons.
    async fn complete(&self, rows: Vec<lesson::Model>) -> Result<Vec<LessonRow>> {
        let courses: HashMap<_, _> = course::Entity::find()
            .filter(course::Column::Id.is_in(rows.iter().map(|row| row.course_id)))
            .all(&self.db)
            .await?
            .into_iter()
            .map(|row| (row.id, row))
            .collect();
        let teachers: HashMap<_, _> = user::Entity::find()
            .filter(user::Column::Id.is_in(rows.iter().map(|row| row.teacher_id)))
            .all(&self.db)
            .await?
            .into_iter()
            .map(|row| (row.id, row.name))
            .collect();
        let mut attending: HashMap<_, Vec<ClassroomId>> = HashMap::new();
        for row in lesson_classroom::Entity::find()
            .filter(lesson_classroom::Column::LessonId.is_in(rows.iter().map(|row| row.id)))
            .order_by_asc(lesson_classroom::Column::ClassroomId)
            .all(&self.db)
            .await?
        {
            attending
                .entry(row.lesson_id)
                .or_default()
                .push(ClassroomId(row.classroom_id));
        }
        rows.into_iter()
            .map(|row| {
                let course = courses.get(&row.course_id);
                Ok(LessonRow {
                    id: LessonId(row.id),
                    course: CourseId(row.course_id),
                    title: row.title,
                    subject: course.map(|course| course.subject.clone()).unwrap_or_default(),
                    grade: course.map(|course| course.grade.clone()).unwrap_or_default(),
                    teacher: UserId(row.teacher_id),
                    teacher_name: teachers.get(&row.teacher_id).cloned().unwrap_or_default(),
                    school: SchoolId(course.map(|course| course.school_id).unwrap_or_default()),
                    state: state_of(&row.state).ok_or(StoreError::Word {
                        what: "lesson.state",
                        word: row.state,
                    })?,
                    starts_at: time_of(row.starts_ms),
                    ends_at: time_of(row.ends_ms),
                    live_since: row.live_ms.map(time_of),
                    ended_at: row.ended_ms.map(time_of),
                    classrooms: attending.remove(&row.id).unwrap_or_default(),
                })
            })
            .collect()
    }

    /// Moves a lesson on, if it still is in `from`; `false` when it no longer is. `live_ms` and `ended_ms` are kept by the
    /// states that bring them.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn move_lesson(
        &self,
        id: LessonId,
        from: LessonState,
        to: LessonState,
        now: OffsetDateTime,
    ) -> Result<bool> {
        let mut update = lesson::Entity::update_many()
            .col_expr(lesson::Column::State, Expr::value(state_word(to)))
            .filter(lesson::Column::Id.eq(id.0))
            .filter(lesson::Column::State.eq(state_word(from)));
        match to {
            LessonState::Live => update = update.col_expr(lesson::Column::LiveMs, Expr::value(ms(now))),
            LessonState::Ended => update = update.col_expr(lesson::Column::EndedMs, Expr::value(ms(now))),
            _ => {}
        }
        Ok(update.exec(&self.db).await?.rows_affected == 1)
    }
}

fn select(filter: &LessonFilter) -> Select<lesson::Entity> {
    let mut query = lesson::Entity::find();
    if let Some(ids) = &filter.ids {
        query = query.filter(lesson::Column::Id.is_in(ids.iter().map(|id| id.0)));
    }
    if let Some(from) = filter.from {
        query = query.filter(lesson::Column::EndsMs.gt(ms(from)));
    }
    if let Some(to) = filter.to {
        query = query.filter(lesson::Column::StartsMs.lt(ms(to)));
    }
    if let Some(teacher) = filter.teacher {
        query = query.filter(lesson::Column::TeacherId.eq(teacher.0));
    }
    if let Some(course) = filter.course {
        query = query.filter(lesson::Column::CourseId.eq(course.0));
    }
    if let Some(classroom) = filter.classroom {
        let attended = Query::select()
            .column(lesson_classroom::Column::LessonId)
            .from(lesson_classroom::Entity)
            .and_where(lesson_classroom::Column::ClassroomId.eq(classroom.0))
            .to_owned();
        query = query.filter(lesson::Column::Id.in_subquery(attended));
    }
    if let Some(states) = &filter.states {
        query = query.filter(lesson::Column::State.is_in(states.iter().map(|state| state_word(*state))));
    }
    query
}
