//! `${NAME}` and `${NAME:-default}` in string values; `$$` is a dollar sign.
//!
//! It happens after TOML is parsed and only inside one string, so a variable's content can neither
//! add keys nor end its string.

/// A string after interpolation.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Interpolated {
    /// With the content of variables.
    pub(crate) value: String,
    /// Whether any variable was put in.
    pub(crate) hidden: bool,
}

/// Why a string can't be interpolated: what was expected, and what was found instead.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct EnvError {
    pub(crate) expected: String,
    pub(crate) found: String,
}

/// Looks up an environment variable.
pub(crate) type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

pub(crate) fn interpolate(text: &str, env: Lookup<'_>) -> Result<Interpolated, EnvError> {
    let mut out = Interpolated { value: String::with_capacity(text.len()), hidden: false };
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.value.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            out.value.push('$');
            rest = after;
        } else if let Some((variable, after)) = after.strip_prefix('{').and_then(|a| a.split_once('}')) {
            out.value.push_str(&resolve(variable, env)?);
            out.hidden = true;
            rest = after;
        } else {
            return Err(EnvError {
                expected: "${NAME}, ${NAME:-default} or $$ for a dollar sign".to_owned(),
                found: "a \"$\" that is none of these".to_owned(),
            });
        }
    }
    out.value.push_str(rest);
    Ok(out)
}

fn resolve(variable: &str, env: Lookup<'_>) -> Result<String, EnvError> {
    let (name, default) = match variable.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (variable, None),
    };
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !starts_well || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        let expected = "the name of an environment variable in ${…}".to_owned();
        return Err(EnvError { expected, found: format!("{name:?}") });
    }
    match (env(name), default) {
        (Some(value), None) => Ok(value),
        // As in a shell, `:-` stands in for an empty variable, too.
        (Some(value), Some(_)) if !value.is_empty() => Ok(value),
        (_, Some(default)) => Ok(default.to_owned()),
        (None, None) => Err(EnvError {
            expected: format!("the environment variable {name} to be set, or a default: ${{{name}:-…}}"),
            found: "no such variable".to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn env(name: &str) -> Option<String> {
        match name {
            "A" => Some("x${B}\"\n".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        }
    }

    #[test]
    fn the_forms() {
        let value = |text: &str| interpolate(text, &env).unwrap().value;
        assert_eq!(value("plain"), "plain");
        assert_eq!(value("<${A}>"), "<x${B}\"\n>", "content is not interpolated again");
        assert_eq!(value("${NONE:-d:-e}${EMPTY:-f}${EMPTY}"), "d:-ef");
        assert_eq!(value("$${A}$$"), "${A}$");
        assert!(interpolate("${A}", &env).unwrap().hidden);
        assert!(!interpolate("$$", &env).unwrap().hidden);
    }

    #[test]
    fn what_is_refused() {
        let found = |text: &str| interpolate(text, &env).unwrap_err().found;
        assert_eq!(found("${NONE}"), "no such variable");
        assert_eq!(found("${}"), "\"\"");
        assert_eq!(found("${1A}"), "\"1A\"");
        assert_eq!(found("${A"), "a \"$\" that is none of these");
        assert_eq!(found("$A"), "a \"$\" that is none of these");
    }
}
