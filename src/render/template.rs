//! Texts with places to fill.

/// The template with a value in each `{{place}}`. A line that holds nothing but a place whose value is empty is
/// left out; a value of several lines is taken as it is.
pub fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut text = String::with_capacity(template.len());
    for line in template.split_inclusive('\n') {
        let filled = fill_line(line, values);
        if filled.trim().is_empty() && !line.trim().is_empty() {
            continue;
        }
        text.push_str(&filled);
    }
    text
}

/// One pass from left to right: what was filled in is not looked at again.
fn fill_line(line: &str, values: &[(&str, &str)]) -> String {
    let mut text = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("{{") {
        let (place, after) = after.split_once("}}").unwrap_or((after, ""));
        let value = values.iter().find(|(name, _)| *name == place).map(|(_, value)| *value);
        debug_assert!(value.is_some(), "nothing fills {place}");
        text.push_str(before);
        text.push_str(value.unwrap_or_default());
        rest = after;
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_filled_in_is_not_a_template() {
        let text =
            fill("a {{one}}\n{{none}}\n\n{{two}} b\n", &[("one", "{{two}}"), ("two", "2"), ("none", "")]);
        assert_eq!(text, "a {{two}}\n\n2 b\n");
    }
}
