//! A real terminal: tmux runs the tool, takes keys for it, and tells what is on its screen.

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::tool::Tool;

/// A terminal with one call of the tool in it.
pub struct Screen {
    server: String,
}

impl Screen {
    /// Starts the call on a terminal of this size. Below its output is `exit code: N` once it is over.
    pub fn start(tool: &Tool, columns: usize, rows: usize) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let server = format!("kaniko-local-test-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let screen = Self { server };
        let (columns, rows) = (columns.to_string(), rows.to_string());
        let line = format!("{}; echo \"exit code: $?\"; exec sleep 600", tool.shell_line());
        screen.tmux(&["-f", "/dev/null", "new-session", "-d", "-x", &columns, "-y", &rows, &line]);
        screen
    }

    #[track_caller]
    fn tmux(&self, arguments: &[&str]) -> String {
        let output = Command::new("tmux").args(["-L", &self.server]).args(arguments).output().expect("tmux");
        assert!(output.status.success(), "tmux {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// What the screen shows.
    pub fn text(&self) -> String {
        self.tmux(&["capture-pane", "-p"]).trim_end().to_owned() + "\n"
    }

    /// The same with what has left it at its top.
    pub fn history(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-S", "-"]).trim_end().to_owned() + "\n"
    }

    /// That, with colours.
    pub fn coloured(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-e", "-S", "-"]).trim_end().to_owned() + "\n"
    }

    pub fn resize(&self, columns: usize) {
        self.tmux(&["resize-window", "-x", &columns.to_string()]);
    }

    /// Presses a key by tmux's name for it, such as `C-c`.
    pub fn press(&self, key: &str) {
        self.tmux(&["send-keys", key]);
    }

    /// Waits until the screen shows this.
    #[track_caller]
    pub fn wait_for(&self, words: &str) -> String {
        let started = Instant::now();
        loop {
            let text = self.text();
            if text.contains(words) {
                return text;
            }
            let is_late = started.elapsed() > Duration::from_secs(120) || text.contains("exit code: ");
            assert!(!is_late, "not on the screen: {words}\n{}", self.history());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until the call is over, and returns all that it left on the terminal.
    #[track_caller]
    pub fn wait_for_its_end(&self) -> String {
        self.wait_for("exit code: ");
        self.history()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = Command::new("tmux").args(["-L", &self.server, "kill-server"]).output();
    }
}
