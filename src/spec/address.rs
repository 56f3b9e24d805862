//! Where a served model is.

use http::Uri;

/// Why something is no URL of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Wrong {
    /// What is wrong.
    pub reason: &'static str,
    /// Whether the URL holds what may be a secret: it is not to be shown.
    pub secret: bool,
}

/// What to write instead.
pub const CURE: &str =
    "the URL of a model is https://host:8080/v2/models/NAME, or …/versions/VERSION behind that";

/// The URL of a model, taken apart.
#[derive(Debug, PartialEq)]
pub struct Address {
    /// `http://host:8080`, and what stands before `/v2`.
    pub server: String,
    /// `/v2/models/NAME`, and `/versions/VERSION` where it is given.
    pub path: String,
    /// Whether the server is on this machine.
    pub local: bool,
    /// Whether what is sent can be read on the way.
    pub open: bool,
}

impl Address {
    /// Takes a URL apart.
    ///
    /// # Errors
    /// What is wrong with it, without repeating what may be secret in it.
    pub fn parse(url: &str) -> Result<Self, Wrong> {
        let wrong = |reason| Wrong {
            reason,
            secret: false,
        };
        let secret = |reason| Wrong {
            reason,
            secret: true,
        };
        if url.contains('#') {
            return Err(secret("the URL has a fragment (#…)"));
        }
        let unread = match url.contains(['@', '?']) {
            true => secret("this is no URL"),
            false => wrong("this is no URL"),
        };
        let uri: Uri = url.parse().map_err(|_| unread)?;
        let scheme = uri.scheme_str().unwrap_or_default();
        if !matches!(scheme, "http" | "https") {
            return Err(wrong("the URL does not begin with http:// or https://"));
        }
        let authority = uri.authority().ok_or(wrong("the URL names no host"))?;
        if authority.as_str().contains('@') {
            return Err(secret(
                "the URL holds a user or a password, which would be recorded. Put a token into an environment variable, and name that in model.token_variable",
            ));
        }
        let has_port = authority.as_str() != authority.host();
        if has_port && authority.port_u16().is_none_or(|port| port == 0) {
            return Err(wrong("the URL's port is no number from 1 to 65535"));
        }
        if uri.query().is_some() {
            return Err(secret("the URL has a query (?…)"));
        }
        let path = uri.path().trim_end_matches('/');
        let path = path.strip_suffix("/infer").unwrap_or(path);
        let start = path
            .find("/v2/models/")
            .ok_or(wrong("the URL's path has no /v2/models/NAME"))?;
        let (before, model) = path.split_at(start);
        if model.trim_start_matches("/v2/models/").is_empty() {
            return Err(wrong("the URL names no model"));
        }
        let host = uri.host().unwrap_or_default();
        let local = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
        Ok(Self {
            server: format!("{scheme}://{authority}{before}"),
            path: model.to_owned(),
            local,
            open: scheme == "http" && !local,
        })
    }

    /// The model's name.
    pub fn name(&self) -> &str {
        let name = self.path.trim_start_matches("/v2/models/");
        name.split('/').next().unwrap_or(name)
    }

    /// The model's own URL.
    pub fn model(&self) -> String {
        format!("{}{}", self.server, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        for (url, server, path, local, open) in [
            (
                "http://h:8080/v2/models/m",
                "http://h:8080",
                "/v2/models/m",
                false,
                true,
            ),
            (
                "http://127.0.0.1:1/v2/models/m/",
                "http://127.0.0.1:1",
                "/v2/models/m",
                true,
                false,
            ),
            (
                "https://h/serving/v2/models/m/versions/3/infer",
                "https://h/serving",
                "/v2/models/m/versions/3",
                false,
                false,
            ),
        ] {
            let expected = Address {
                server: server.to_owned(),
                path: path.to_owned(),
                local,
                open,
            };
            let address = Address::parse(url).unwrap();
            assert_eq!(address, expected);
            assert_eq!(address.name(), "m");
        }
    }

    #[test]
    fn what_is_no_url_of_a_model_is_refused_and_a_password_is_not_repeated() {
        for url in [
            "",
            "h:8080",
            "ftp://h/v2/models/m",
            "http://h/models/m",
            "http://h/v2/models/",
            "http://h:99999/v2/models/m",
            "http://h:0/v2/models/m",
            "http://h:/v2/models/m",
            "http://h/v2/models/m?key=geheim",
            "http://user:geheim@h/v2/models/m",
            "http://user:geheim@h h/v2/models/m",
            "http://h/v2/models/m#geheim",
        ] {
            let error = Address::parse(url).unwrap_err();
            assert!(!error.reason.contains("geheim"), "{error}");
            assert_eq!(error.secret, url.contains("geheim"), "{url}");
        }
    }
}
