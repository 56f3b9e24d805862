//! A worker and what it starts, as one group of processes that ends together, also
//! when the harness is killed.

#[cfg(not(unix))]
pub use elsewhere::{Guard, has_ended, kill, lead, widen};
#[cfg(unix)]
pub use unix::{Guard, has_ended, kill, lead, widen};

#[cfg(unix)]
mod unix {
    use std::os::fd::AsFd;
    use std::os::unix::process::CommandExt;
    use std::process::{Child, Command, Stdio};

    use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

    /// Makes the program the leader of a group of its own: an interrupt typed at the
    /// terminal reaches the harness only.
    pub fn lead(command: &mut Command) {
        command.process_group(0);
    }

    /// Whether a child has ended. It is not reaped: its number stays its own.
    pub fn has_ended(child: &mut Child) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        matches!(
            waitid(WaitId::Pid(Pid::from_child(child)), options),
            Ok(Some(_))
        )
    }

    /// Kills a child that has not been reaped, and its group.
    pub fn kill(child: &mut Child) {
        let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
    }

    /// Gives a pipe the largest buffer that anybody may ask for on Linux: large batches
    /// take fewer turns.
    #[cfg_attr(not(target_os = "linux"), expect(unused_variables))]
    pub fn widen(pipe: &impl AsFd) {
        #[cfg(target_os = "linux")]
        let _ = rustix::pipe::fcntl_setpipe_size(pipe, 1 << 20);
    }

    /// A shell that waits for the end of its stdin, which is the harness's end however it
    /// comes about, and then kills the group.
    pub struct Guard(Child);

    impl Guard {
        /// The guard of a child that leads a group; none where there is no shell.
        pub fn of(child: &Child) -> Option<Self> {
            Command::new("/bin/sh")
                .args(["-c", "read -r _; kill -s KILL -- \"-$1\"", "sh"])
                .arg(child.id().to_string())
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .process_group(0)
                .spawn()
                .ok()
                .map(Self)
        }
    }

    impl Drop for Guard {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}

#[cfg(not(unix))]
mod elsewhere {
    use std::process::{Child, Command};

    pub fn lead(_: &mut Command) {}

    pub fn has_ended(child: &mut Child) -> bool {
        !matches!(child.try_wait(), Ok(None))
    }

    pub fn kill(child: &mut Child) {
        let _ = child.kill();
    }

    pub fn widen<T>(_: &T) {}

    /// Nothing: a worker ends at the end of its stdin.
    pub struct Guard;

    impl Guard {
        pub fn of(_: &Child) -> Option<Self> {
            Some(Self)
        }
    }
}
