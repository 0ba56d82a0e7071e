//! Where the skills are: folders of the workspace, and those that come with the program.

mod bundled;
mod library;

pub(crate) use library::SkillLibrary;
