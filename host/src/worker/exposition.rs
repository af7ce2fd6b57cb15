//! The metrics of several workers as one text. OpenMetrics wants all samples of a family in one place, behind what is
//! said of it once; the workers' samples differ in the label `worker`.

/// What is said of a metric, and its samples, as lines.
struct Family<'a> {
    name: &'a str,
    said: Vec<&'a str>,
    samples: Vec<&'a str>,
}

/// Joins texts of OpenMetrics, of which each is whole: families in the order in which they come first.
pub(super) fn join<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut families: Vec<Family<'a>> = Vec::new();
    for text in texts {
        let mut current = None;
        for line in text.lines() {
            match said_of(line) {
                Some(name) => {
                    let known = families.iter().position(|family| family.name == name);
                    let at = known.unwrap_or_else(|| {
                        families.push(Family {
                            name,
                            said: Vec::new(),
                            samples: Vec::new(),
                        });
                        families.len() - 1
                    });
                    let said = &mut families[at].said;
                    let known = said.iter().find(|known| keyword(known) == keyword(line));
                    // Workers of two versions of an extension may differ: what was said first holds, and samples of
                    // another type have no place.
                    let is_other = keyword(line) == Some("TYPE") && known.is_some_and(|known| *known != line);
                    if known.is_none() {
                        said.push(line);
                    }
                    current = (!is_other).then_some(at);
                }
                None if line.starts_with('#') => {}
                None => {
                    if let Some(at) = current {
                        families[at].samples.push(line);
                    }
                }
            }
        }
    }
    let mut joined = String::new();
    for line in families
        .iter()
        .flat_map(|family| family.said.iter().chain(&family.samples))
    {
        joined.push_str(line);
        joined.push('\n');
    }
    joined.push_str("# EOF\n");
    joined
}

/// The metric that a line of help, type or unit is about.
fn said_of(line: &str) -> Option<&str> {
    keyword(line)?;
    line.split(' ').nth(2)
}

fn keyword(line: &str) -> Option<&str> {
    let keyword = line.strip_prefix("# ")?.split(' ').next()?;
    matches!(keyword, "HELP" | "TYPE" | "UNIT").then_some(keyword)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "# HELP a Help of a.\n# TYPE a counter\na_total{worker=\"0\"} 1\na_total{worker=\"0\",x=\"# HELP\"} 2\n\
                         # HELP b Help.\n# TYPE b histogram\nb_sum{worker=\"0\"} 0.5\nb_count{worker=\"0\"} 1\n# EOF\n";

    #[test]
    fn samples_of_a_family_are_in_one_place() {
        let second = "# HELP c Only here.\n# TYPE c counter\nc_total{worker=\"1\"} 9\n\
                      # HELP a Help of a.\n# TYPE a counter\na_total{worker=\"1\"} 3\n# EOF\n";
        let expected = "# HELP a Help of a.\n# TYPE a counter\na_total{worker=\"0\"} 1\n\
                        a_total{worker=\"0\",x=\"# HELP\"} 2\na_total{worker=\"1\"} 3\n\
                        # HELP b Help.\n# TYPE b histogram\nb_sum{worker=\"0\"} 0.5\nb_count{worker=\"0\"} 1\n\
                        # HELP c Only here.\n# TYPE c counter\nc_total{worker=\"1\"} 9\n# EOF\n";
        assert_eq!(join([FIRST, second]), expected);
    }

    #[test]
    fn what_was_said_first_holds() {
        let second = "# HELP a Other words.\n# TYPE a counter\na_total{worker=\"1\"} 3\n\
                      # HELP b Help.\n# TYPE b counter\nb_total{worker=\"1\"} 1\n# EOF\n";
        let joined = join([FIRST, second]);
        assert_eq!(joined.matches("# HELP a").count(), 1, "{joined}");
        assert!(joined.contains("a_total{worker=\"1\"} 3"), "{joined}");
        assert!(!joined.contains("b_total"), "{joined}");
    }

    #[test]
    fn one_text_stays_as_it_is() {
        assert_eq!(join([FIRST]), FIRST);
        assert_eq!(join([]), "# EOF\n");
    }
}
