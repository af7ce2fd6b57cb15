//! The settings of a timerTrigger.

use super::super::AppSettings;
use super::super::error::Problem;
use super::super::json::Item;
use super::super::setting_names::resolve;
use crate::model::TimerTrigger;
use crate::model::schedule::Schedule;

/// Reads the settings of a timerTrigger.
pub(super) fn read(item: &Item<'_>, settings: &AppSettings) -> Result<TimerTrigger, Problem> {
    let schedule = item.get("schedule")?;
    let schedule = schedule.ok_or_else(|| {
        item.problem(
            "expected a member \"schedule\": an NCRONTAB expression such as \"0 */5 * * * *\", a time \"hh:mm:ss\", or the \
             name of an app setting in percent signs",
        )
    })?;
    let text = resolve(&schedule, schedule.non_empty_string()?, settings)?;
    let parsed = Schedule::parse(&text);
    let boolean = |key| item.get(key)?.map(|item| item.boolean()).transpose();
    Ok(TimerTrigger {
        schedule: parsed.map_err(|error| schedule.problem(error.to_string()))?,
        run_on_startup: boolean("runOnStartup")?.unwrap_or_default(),
        use_monitor: boolean("useMonitor")?,
    })
}
