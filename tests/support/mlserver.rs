//! MLServer, as `tests/endpoint/install.sh` installs it: a server that others made.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use serde_json::json;
use steadfast::model::endpoint;

/// A server of one model; it ends with this.
pub struct MlServer {
    process: Child,
    /// The URL of the model.
    pub url: String,
    folder: tempfile::TempDir,
}

impl MlServer {
    /// Serves an ONNX file of 8 × 8 digits; an error says why there is no server.
    pub fn start(onnx: &Path) -> Result<Self, String> {
        let installed = std::env::var_os("MLSERVER_FOLDER").ok_or(
            "MLSERVER_FOLDER names no folder with MLServer. Install it with tests/endpoint/install.sh FOLDER",
        )?;
        // The server starts in its own folder.
        let installed = std::path::absolute(&installed).map_err(|error| error.to_string())?;
        let onnx = std::path::absolute(onnx).map_err(|error| error.to_string())?;
        let program = installed.join("bin/mlserver");
        let folder = tempfile::tempdir().unwrap();
        let write =
            |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        // Three ports that are free now.
        let listeners = [(); 3].map(|()| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
        let [http, grpc, metrics] = listeners.map(|listener| listener.local_addr().unwrap().port());
        let settings = json!({
            "host": "127.0.0.1", "http_port": http, "grpc_port": grpc, "metrics_port": metrics,
            "parallel_workers": 0,
        });
        write("settings.json", &settings.to_string());
        let model = json!({
            "name": "digits", "implementation": "runtime.Onnx", "platform": "onnxruntime",
            "parameters": { "uri": onnx, "version": "7" },
            "inputs": [{ "name": "x", "datatype": "FP32", "shape": [-1, 1, 8, 8] }],
            "outputs": [{ "name": "logits", "datatype": "FP32", "shape": [-1, 10] }],
        });
        write("model-settings.json", &model.to_string());
        write("runtime.py", include_str!("../endpoint/runtime.py"));
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let process = Command::new(&program)
            .args(["start", "."])
            .current_dir(folder.path())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let mut server = Self {
            process,
            url: format!("http://127.0.0.1:{http}/v2/models/digits"),
            folder,
        };
        let start = Instant::now();
        while let Err(error) = endpoint::open(&server.request("")) {
            let ended = server.process.try_wait().unwrap();
            assert_eq!(ended, None, "{}", server.log());
            assert!(
                start.elapsed() < Duration::from_secs(120),
                "{error}\n{}",
                server.log()
            );
            std::thread::sleep(Duration::from_millis(200));
        }
        Ok(server)
    }

    fn log(&self) -> String {
        let log: PathBuf = self.folder.path().join("log");
        std::fs::read_to_string(log).unwrap_or_default()
    }

    /// What is asked of it; `more` goes to the end of the URL.
    pub fn request(&self, more: &str) -> endpoint::Request {
        endpoint::Request {
            url: format!("{}{more}", self.url),
            input: None,
            output: None,
            connections: 2,
            answer: Duration::from_secs(20),
            retries: 0,
            token_variable: None,
        }
    }
}

impl Drop for MlServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
