//! Joins the metrics of several workers to one text. OpenMetrics needs all samples of a family in one place, after its
//! metadata. The workers' samples differ in the label `worker`.

/// The lines of a metric family.
struct Family<'a> {
    name: &'a str,
    /// Help, type and unit.
    metadata: Vec<&'a str>,
    samples: Vec<&'a str>,
}

/// Joins complete texts of OpenMetrics. Families keep the order in which they first occur.
pub(super) fn join<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut families: Vec<Family<'a>> = Vec::new();
    for text in texts {
        let mut current = None;
        for line in text.lines() {
            match family_name(line) {
                Some(name) => {
                    let known = families.iter().position(|family| family.name == name);
                    let at = known.unwrap_or_else(|| {
                        families.push(Family {
                            name,
                            metadata: Vec::new(),
                            samples: Vec::new(),
                        });
                        families.len() - 1
                    });
                    let metadata = &mut families[at].metadata;
                    let known = metadata.iter().find(|known| keyword(known) == keyword(line));
                    // Workers with two versions of an extension may differ. The first metadata wins, and samples of
                    // another type are left out.
                    let is_other = keyword(line) == Some("TYPE") && known.is_some_and(|known| *known != line);
                    if known.is_none() {
                        metadata.push(line);
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
        .flat_map(|family| family.metadata.iter().chain(&family.samples))
    {
        joined.push_str(line);
        joined.push('\n');
    }
    joined.push_str("# EOF\n");
    joined
}

/// Returns the family of a line of metadata; `None` for other lines.
fn family_name(line: &str) -> Option<&str> {
    keyword(line)?;
    line.split(' ').nth(2)
}

/// Returns the keyword of a line of metadata.
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
    fn the_first_metadata_wins() {
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
