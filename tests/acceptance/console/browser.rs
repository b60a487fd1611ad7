//! A browser as the pages need one.

/// No page takes so long.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

/// A browser without script: keeps one cookie, follows nothing by itself.
#[derive(Clone)]
pub(crate) struct Browser {
    base: String,
    agent: ureq::Agent,
    cookie: String,
}

#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(super) location: String,
    pub(super) set_cookie: String,
    pub(crate) body: String,
}

impl Page {
    /// The value of a hidden input.
    pub(crate) fn hidden(&self, name: &str) -> String {
        let after =
            self.body.split(&format!("name=\"{name}\" value=\"")).nth(1).expect("the form has the input");
        after.split('"').next().unwrap().to_owned()
    }
}

fn page(response: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Option<Page> {
    let mut response = response.ok()?;
    let header = |name: &str| response.headers().get(name).map_or("", |v| v.to_str().unwrap()).to_owned();
    let (location, set_cookie) = (header("location"), header("set-cookie"));
    Some(Page {
        status: response.status().as_u16(),
        location,
        set_cookie,
        body: response.body_mut().read_to_string().ok()?,
    })
}

impl Browser {
    pub(crate) fn new(base: String) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_global(Some(PATIENCE))
            .build();
        Self { base, agent: config.new_agent(), cookie: String::new() }
    }

    /// The same browser, signed out.
    pub(super) fn stranger(&self) -> Self {
        Self { cookie: String::new(), ..self.clone() }
    }

    pub(crate) async fn get(&self, path: &str) -> Option<Page> {
        let request = self.agent.get(format!("{}{path}", self.base)).header("Cookie", &self.cookie);
        tokio::task::spawn_blocking(move || page(request.call())).await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, form: &[(&str, &str)]) -> Page {
        let request = self
            .agent
            .post(format!("{}{path}", self.base))
            .header("Cookie", &self.cookie)
            .header("Origin", &self.base);
        let form: Vec<(String, String)> =
            form.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        tokio::task::spawn_blocking(move || page(request.send_form(form)).unwrap()).await.unwrap()
    }

    pub(crate) async fn sign_in(&mut self, name: &str, password: &str) -> Page {
        let page = self.post("/sign-in", &[("user_name", name), ("password", password)]).await;
        if page.status == 303 {
            self.cookie = page.set_cookie.split(';').next().unwrap().to_owned();
        }
        page
    }
}
