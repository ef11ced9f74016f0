//! Regions, schools, classrooms.

use std::collections::HashMap;

use protocol::id::{ClassroomId, RegionId, SchoolId};
use sea_orm::{ActiveModelTrait, EntityTrait, Set};

use super::entity::{classroom, region, school};
use super::{Result, Store};

/// A school.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchoolRow {
    /// Id.
    pub id: SchoolId,
    /// Where it lies.
    pub region: RegionId,
    /// Name.
    pub name: String,
}

/// A classroom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassroomRow {
    /// Id.
    pub id: ClassroomId,
    /// Its school.
    pub school: SchoolId,
    /// Name.
    pub name: String,
}

/// The whole tree of places. A province has some ten thousand; it is read whole and shared.
#[derive(Clone, Debug, Default)]
pub struct Places {
    regions: HashMap<RegionId, (Option<RegionId>, String)>,
    schools: HashMap<SchoolId, SchoolRow>,
    classrooms: HashMap<ClassroomId, ClassroomRow>,
}

impl Places {
    /// Whether `inner` is `outer` or lies in it.
    #[must_use]
    pub fn within(&self, inner: RegionId, outer: RegionId) -> bool {
        let mut at = Some(inner);
        // A tree is at most as deep as it has nodes; a loop made by hand in the database must not hang us.
        for _ in 0..=self.regions.len() {
            match at {
                Some(region) if region == outer => return true,
                Some(region) => at = self.regions.get(&region).and_then(|(parent, _)| *parent),
                None => return false,
            }
        }
        false
    }

    /// A school.
    #[must_use]
    pub fn school(&self, id: SchoolId) -> Option<&SchoolRow> {
        self.schools.get(&id)
    }

    /// A classroom.
    #[must_use]
    pub fn classroom(&self, id: ClassroomId) -> Option<&ClassroomRow> {
        self.classrooms.get(&id)
    }

    /// Every classroom, in no order.
    pub fn classrooms(&self) -> impl Iterator<Item = &ClassroomRow> {
        self.classrooms.values()
    }

    /// A school as clients see it.
    #[must_use]
    pub fn school_body(&self, id: SchoolId) -> protocol::api::School {
        let row = self.schools.get(&id);
        protocol::api::School {
            id,
            name: row.map(|row| row.name.clone()).unwrap_or_default(),
            region: row
                .and_then(|row| self.regions.get(&row.region))
                .map(|(_, name)| name.clone())
                .unwrap_or_default(),
        }
    }

    /// A classroom as clients see it.
    #[must_use]
    pub fn classroom_body(&self, id: ClassroomId) -> Option<protocol::api::Classroom> {
        let row = self.classrooms.get(&id)?;
        Some(protocol::api::Classroom {
            id,
            name: row.name.clone(),
            school: self.school_body(row.school),
        })
    }

    /// Region of a classroom.
    #[must_use]
    pub fn region_of_classroom(&self, id: ClassroomId) -> Option<RegionId> {
        let room = self.classrooms.get(&id)?;
        self.schools.get(&room.school).map(|school| school.region)
    }
}

impl Store {
    /// The whole tree of places.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn places(&self) -> Result<Places> {
        let regions = region::Entity::find().all(&self.db).await?;
        let schools = school::Entity::find().all(&self.db).await?;
        let classrooms = classroom::Entity::find().all(&self.db).await?;
        Ok(Places {
            regions: regions
                .into_iter()
                .map(|row| (RegionId(row.id), (row.parent_id.map(RegionId), row.name)))
                .collect(),
            schools: schools
                .into_iter()
                .map(|row| {
                    let id = SchoolId(row.id);
                    (
                        id,
                        SchoolRow {
                            id,
                            region: RegionId(row.region_id),
                            name: row.name,
                        },
                    )
                })
                .collect(),
            classrooms: classrooms
                .into_iter()
                .map(|row| {
                    let id = ClassroomId(row.id);
                    (
                        id,
                        ClassroomRow {
                            id,
                            school: SchoolId(row.school_id),
                            name: row.name,
                        },
                    )
                })
                .collect(),
        })
    }

    /// Adds a region.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn add_region(&self, parent: Option<RegionId>, name: &str) -> Result<RegionId> {
        let id = RegionId::new();
        region::ActiveModel {
            id: Set(id.0),
            parent_id: Set(parent.map(|parent| parent.0)),
            name: Set(name.to_owned()),
        }
        .insert(&self.db)
        .await?;
        Ok(id)
    }

    /// Adds a school.
    ///
    /// # Errors
    ///
    /// When the database fails or the region is not there.
    pub async fn add_school(&self, region: RegionId, name: &str) -> Result<SchoolId> {
        let id = SchoolId::new();
        school::ActiveModel {
            id: Set(id.0),
            region_id: Set(region.0),
            name: Set(name.to_owned()),
        }
        .insert(&self.db)
        .await?;
        Ok(id)
    }

    /// Adds a classroom.
    ///
    /// # Errors
    ///
    /// When the database fails or the school is not there.
    pub async fn add_classroom(&self, school: SchoolId, name: &str) -> Result<ClassroomId> {
        let id = ClassroomId::new();
        classroom::ActiveModel {
            id: Set(id.0),
            school_id: Set(school.0),
            name: Set(name.to_owned()),
        }
        .insert(&self.db)
        .await?;
        Ok(id)
    }
}
