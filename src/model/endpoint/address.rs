//! Where a served model is.

use ureq::http::Uri;

use super::EndpointError;

/// The URL of a model, taken apart.
#[derive(Debug, PartialEq)]
pub struct Address {
    /// `http://host:8080`, and what stands before `/v2`.
    pub server: String,
    /// `/v2/models/NAME`, and `/versions/VERSION` where it is given.
    pub path: String,
    /// Whether what is sent can be read on the way.
    pub open: bool,
}

impl Address {
    /// Takes a URL apart. Its user and password, if it has them, are not repeated.
    pub fn parse(url: &str) -> Result<Self, EndpointError> {
        let wrong = EndpointError::Address;
        let uri: Uri = url.parse().map_err(|_| wrong("this is no URL"))?;
        let scheme = uri.scheme_str().unwrap_or_default();
        if !matches!(scheme, "http" | "https") {
            return Err(wrong("the URL does not begin with http:// or https://"));
        }
        let authority = uri.authority().ok_or(wrong("the URL names no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong(
                "the URL holds a user or a password, which would be recorded. Put a token into an environment variable, and name that in model.token_variable",
            ));
        }
        if uri.query().is_some() {
            return Err(wrong("the URL has a query (?…)"));
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
            open: scheme == "http" && !local,
        })
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
        for (url, server, path, open) in [
            (
                "http://h:8080/v2/models/m",
                "http://h:8080",
                "/v2/models/m",
                true,
            ),
            (
                "http://127.0.0.1:1/v2/models/m/",
                "http://127.0.0.1:1",
                "/v2/models/m",
                false,
            ),
            (
                "https://h/serving/v2/models/m/versions/3/infer",
                "https://h/serving",
                "/v2/models/m/versions/3",
                false,
            ),
        ] {
            let expected = Address {
                server: server.to_owned(),
                path: path.to_owned(),
                open,
            };
            assert_eq!(Address::parse(url).unwrap(), expected);
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
            "http://h/v2/models/m?x=1",
            "http://user:geheim@h/v2/models/m",
        ] {
            let error = Address::parse(url).unwrap_err().to_string();
            assert!(error.contains("/v2/models/NAME"), "{url}: {error}");
            assert!(!error.contains("geheim"), "{error}");
        }
    }
}
