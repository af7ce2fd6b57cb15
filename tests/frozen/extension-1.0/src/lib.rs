//! An extension that uses everything that API 1.0 has, and writes what it sees into a file.

mod app_level;
mod function_level;
mod record;
mod rest;
mod tool;
mod untaken;
