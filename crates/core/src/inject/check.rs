//! The checker of a program, for the files that its command names.
//!
//! Goes in: a preset, and what a container starts. Comes out: the command for `--check`
//! where the preset's own would look at other files than the program does; or that none is
//! known. An option that is not in the tables may be one that names a file, so nothing is
//! known then.

use std::fmt::Write;

use serde_json::Value;
use tidings_shared::preset::Preset;

use super::known::{file_name, started};

/// How a program reads its options, and which of them its checker needs too.
struct CheckRow {
    preset: &'static str,
    /// The checker without files; its first word is the program itself, or lies in PATH.
    checker: &'static str,
    /// All options of one letter, as for getopt(3): a colon follows one with a value.
    letters: &'static str,
    /// Those that say what is read, and from where.
    repeats: &'static str,
    /// The one of them whose value the checker takes without a letter.
    bare: Option<char>,
    /// Long names of those that are repeated.
    long: &'static [(&'static str, char)],
}

/// From the programs' own tables of options and the pages of their checkers: httpd's
/// `AP_SERVER_BASEARGS`, bin/named/main.c and named-checkconf(1), dnsmasq's `OPTSTRING`,
/// haproxy(1), src/core/nginx.c, sapi/fpm/fpm/fpm_main.c, tools/rsyslogd.c, squid's
/// src/main.cc, daemon/unbound.c and unbound-checkconf(8).
const ROWS: [CheckRow; 9] = [
    CheckRow {
        preset: "apache",
        checker: "apachectl -t",
        letters: "k:C:c:D:d:E:e:f:vVlLtTSMh?X",
        repeats: "CcDdf",
        bare: None,
        long: &[],
    },
    CheckRow {
        preset: "bind",
        checker: "named-checkconf",
        letters: "46A:c:CD:d:E:fFgL:M:m:n:N:p:sS:t:T:U:u:vVx:X:",
        repeats: "ct",
        bare: Some('c'),
        long: &[],
    },
    CheckRow {
        preset: "dnsmasq",
        checker: "dnsmasq --test",
        letters: "951yZDNLERKzowefnbvhdkqr:m:p:c:l:s:i:t:u:g:a:x:S:C:A:T:H:Q:I:B:F:G:O:M:X:V:U:j:P:J:W:Y:2:4:6:7:8:0:3:",
        repeats: "C7",
        bare: None,
        long: &[("conf-file", 'C'), ("conf-dir", '7')],
    },
    CheckRow {
        preset: "haproxy",
        checker: "haproxy -c",
        letters: "C:f:L:m:n:N:p:S:x:",
        repeats: "CfL",
        bare: None,
        long: &[],
    },
    CheckRow {
        preset: "nginx",
        checker: "nginx -t",
        letters: "?hvVtTqs:p:c:e:g:",
        repeats: "pce",
        bare: None,
        long: &[],
    },
    CheckRow {
        preset: "php-fpm",
        checker: "php-fpm -t",
        letters: "c:nd:ehimvy:p:tDFROg:",
        repeats: "cnypR",
        bare: None,
        long: &[
            ("php-ini", 'c'),
            ("no-php-ini", 'n'),
            ("fpm-config", 'y'),
            ("prefix", 'p'),
            ("allow-to-run-as-root", 'R'),
        ],
    },
    CheckRow {
        preset: "rsyslog",
        checker: "rsyslogd -N1",
        letters: "46ACDdf:hi:M:nN:o:qQS:u:vwx",
        repeats: "fM",
        bare: None,
        long: &[],
    },
    CheckRow {
        preset: "squid",
        checker: "squid -k parse",
        letters: "CDFNRSYXYza:d:f:hk:n:sl:u:v?",
        repeats: "fn",
        bare: None,
        long: &[],
    },
    CheckRow {
        preset: "unbound",
        checker: "unbound-checkconf",
        letters: "c:dhpvw:V",
        repeats: "c",
        bare: Some('c'),
        long: &[],
    },
];

/// Programs that look at all that their command line says with one more option, and end:
/// gunicorn's docs, "Settings".
const WHOLE: [(&str, &str); 1] = [("gunicorn", "--check-config")];

/// HAProxy's options without a value, which are whole words; those for debugging begin
/// with `-d`.
const HAPROXY_ALONE: [&str; 7] = ["-D", "-W", "-Ws", "-V", "-q", "-v", "-vv"];

/// Where a shell finds a program by its name.
const PATH: [&str; 6] = [
    "/bin/",
    "/sbin/",
    "/usr/bin/",
    "/usr/local/bin/",
    "/usr/local/sbin/",
    "/usr/sbin/",
];

/// An option of the program, and its value.
type GivenOption<'a> = (char, Option<&'a str>);

/// The checker with the options by which the program of a container finds its files; none
/// where it needs none, or where something else than the program is started.
pub(super) fn check(preset: &Preset, container: &Value) -> Result<Option<String>, String> {
    let words = started(container);
    if let Some((_, option)) = WHOLE.iter().find(|(name, _)| *name == preset.name) {
        return whole_line(preset, option, &words);
    }
    let row = ROWS.iter().find(|row| row.preset == preset.name);
    let (Some(row), Some((program, words))) = (row, words.split_first()) else {
        return Ok(None);
    };
    if !preset.process.contains(&file_name(program)) {
        return Ok(None);
    }
    let checker = row.checker_of(preset, program)?;
    let given = match preset.name {
        "haproxy" => row.whole_words(words)?,
        _ => row.letters_of(words)?,
    };
    let options = row.repeated(&given)?;
    let check = format!("{checker}{options}");
    let is_the_presets = options.is_empty() && checker == row.checker;
    Ok((!is_the_presets).then_some(check))
}

/// The command line with the option that checks it.
fn whole_line(preset: &Preset, option: &str, words: &[String]) -> Result<Option<String>, String> {
    let Some((program, rest)) = words.split_first() else {
        return Ok(None);
    };
    if !preset.process.contains(&file_name(program)) {
        return Ok(None);
    }
    let is_one = |c: char| c.is_ascii_alphanumeric() || "/._-:=,@".contains(c);
    let odd = words
        .iter()
        .find(|word| word.is_empty() || !word.chars().all(is_one));
    if let Some(odd) = odd {
        return Err(unknown(odd));
    }
    let all = [program.as_str(), option].into_iter();
    let all: Vec<_> = all.chain(rest.iter().map(String::as_str)).collect();
    Ok(Some(all.join(" ")))
}

impl CheckRow {
    /// The checker of this program: the program itself by the path that is written, or what
    /// is found beside it in PATH.
    fn checker_of(&self, preset: &Preset, program: &str) -> Result<String, String> {
        let (name, rest) = match self.checker.split_once(' ') {
            Some((name, rest)) => (name, format!(" {rest}")),
            None => (self.checker, String::new()),
        };
        let folder = &program[..program.len() - file_name(program).len()];
        if preset.process.contains(&name) && is_plain(program) {
            return Ok(format!("{program}{rest}"));
        }
        if folder.is_empty() || PATH.contains(&folder) {
            return Ok(self.checker.to_owned());
        }
        Err(unknown(program))
    }

    /// Whether a letter is an option, and has a value.
    fn takes(&self, letter: char) -> Option<bool> {
        let mut rest = self.letters.chars().skip_while(|known| *known != letter);
        rest.next().filter(|known| *known != ':')?;
        Some(rest.next() == Some(':'))
    }

    /// Options as getopt(3) reads them: joined or not, and long ones.
    fn letters_of<'a>(&self, words: &'a [String]) -> Result<Vec<GivenOption<'a>>, String> {
        let mut given = Vec::new();
        let mut words = words.iter().map(String::as_str).peekable();
        while let Some(word) = words.next() {
            if let Some(long) = word.strip_prefix("--").filter(|long| !long.is_empty()) {
                let (name, value) = match long.split_once('=') {
                    Some((name, value)) => (name, Some(value)),
                    None => (long, words.next_if(|next| is_value(next))),
                };
                given.extend(self.long_one(name)?.map(|letter| (letter, value)));
                continue;
            }
            let letters = word.strip_prefix('-').filter(|rest| !rest.is_empty());
            let letters = letters.ok_or_else(|| unknown(word))?;
            for (at, letter) in letters.char_indices() {
                if !self.takes(letter).ok_or_else(|| unknown(word))? {
                    given.push((letter, None));
                    continue;
                }
                let joined = &letters[at + letter.len_utf8()..];
                let joined = Some(joined).filter(|joined| !joined.is_empty());
                let value = joined.or_else(|| words.next());
                given.push((letter, Some(value.ok_or_else(|| unknown(word))?)));
                break;
            }
        }
        Ok(given)
    }

    /// The letter of a long option, if it is repeated; it may be cut short by whoever
    /// writes it, which is not followed.
    fn long_one(&self, name: &str) -> Result<Option<char>, String> {
        let all = self.long.iter();
        let Some((long, letter)) = all.clone().find(|(long, _)| long.starts_with(name)) else {
            return Ok(None);
        };
        let is_whole = *long == name;
        is_whole
            .then_some(Some(*letter))
            .ok_or_else(|| unknown(&format!("--{name}")))
    }

    /// Options as HAProxy reads them: one to a word, the value is the next one whatever it
    /// is, and files follow `--`.
    fn whole_words<'a>(&self, words: &'a [String]) -> Result<Vec<GivenOption<'a>>, String> {
        let mut given = Vec::new();
        let mut words = words.iter().map(String::as_str);
        while let Some(word) = words.next() {
            if word == "--" {
                given.extend(words.by_ref().map(|file| ('f', Some(file))));
            } else if !HAPROXY_ALONE.contains(&word) && !word.starts_with("-d") {
                let mut letters = word.strip_prefix('-').unwrap_or_default().chars();
                let letter = letters.next().filter(|_| letters.next().is_none());
                let letter = letter.filter(|letter| self.takes(*letter) == Some(true));
                let value = words.next();
                given.push((letter.ok_or_else(|| unknown(word))?, value));
            }
        }
        Ok(given)
    }

    /// What of it belongs to the check, as it is written there.
    fn repeated(&self, given: &[GivenOption<'_>]) -> Result<String, String> {
        let repeated = given
            .iter()
            .filter(|(letter, _)| self.repeats.contains(*letter));
        let (mut options, mut bare) = (String::new(), String::new());
        for (letter, value) in repeated {
            let has_value = self.takes(*letter) == Some(true);
            let value = value.filter(|_| has_value);
            let odd = value.unwrap_or_default();
            if has_value && !is_plain(odd) {
                return Err(unknown(odd));
            }
            let value = value.map(|value| format!(" {value}")).unwrap_or_default();
            if self.bare == Some(*letter) {
                bare = value;
            } else {
                // Writing to a String cannot fail.
                let _ = write!(options, " -{letter}{value}");
            }
        }
        Ok(options + &bare)
    }
}

/// Whether a word is the value of the long option before it: there is nothing else that
/// it could be.
fn is_value(word: &str) -> bool {
    word == "-" || !word.starts_with('-')
}

/// Whether a word can stand in a command without quotes, and is no option.
fn is_plain(word: &str) -> bool {
    let is_one = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    !word.is_empty() && !word.starts_with('-') && word.chars().all(is_one)
}

fn unknown(word: &str) -> String {
    format!(
        "its command has {word}, for which no check is known: write the agent by hand with --check (docs/agent.md)"
    )
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;
    use tidings_shared::preset::{PRESETS, named};

    use super::*;

    fn checked(preset: &str, command: &str) -> Result<Option<String>, String> {
        let words: Vec<_> = command.split(' ').collect();
        check(named(preset).unwrap(), &json!({ "command": words }))
    }

    #[test]
    fn every_preset_with_a_check_has_its_options_here() {
        let with_check = PRESETS.iter().filter(|preset| !preset.check.is_empty());
        let presets: Vec<_> = with_check.map(|preset| preset.name).collect();
        assert_eq!(presets, ROWS.each_ref().map(|row| row.preset));
        for row in &ROWS {
            let check = named(row.preset).unwrap().check;
            assert!(check.starts_with(row.checker), "{check}");
            assert!(
                row.repeats
                    .chars()
                    .all(|letter| row.takes(letter).is_some())
            );
            let long = row.long.iter().map(|(_, letter)| *letter);
            assert!(
                long.chain(row.bare)
                    .all(|letter| row.repeats.contains(letter))
            );
        }
    }

    #[rstest]
    #[case(
        "apache",
        "apache2 -DFOREGROUND -f /h.conf",
        "apachectl -t -D FOREGROUND -f /h.conf"
    )]
    #[case("apache", "/usr/sbin/apache2 -d /srv", "apachectl -t -d /srv")]
    #[case(
        "bind",
        "named -g -t /jail -c /n.conf",
        "named-checkconf -t /jail /n.conf"
    )]
    #[case("dnsmasq", "dnsmasq -k -C /d.conf", "dnsmasq --test -C /d.conf")]
    #[case(
        "dnsmasq",
        "dnsmasq --conf-file=/d --log-facility - --conf-dir /e",
        "dnsmasq --test -C /d -7 /e"
    )]
    #[case("haproxy", "haproxy -W -f /a.cfg -f /b", "haproxy -c -f /a.cfg -f /b")]
    #[case(
        "haproxy",
        "haproxy -W -db -C /etc/h -f a.cfg",
        "haproxy -c -C /etc/h -f a.cfg"
    )]
    #[case(
        "haproxy",
        "haproxy -f /a.cfg -- /b.cfg /c.cfg",
        "haproxy -c -f /a.cfg -f /b.cfg -f /c.cfg"
    )]
    #[case("nginx", "nginx -p /ng/ -c n.conf", "nginx -t -p /ng/ -c n.conf")]
    #[case("nginx", "nginx -c/etc/x -q", "nginx -t -c /etc/x")]
    #[case("nginx", "nginx -qc /etc/x", "nginx -t -c /etc/x")]
    #[case("nginx", "/opt/nginx -p /x -g daemon;", "/opt/nginx -t -p /x")]
    #[case(
        "php-fpm",
        "php-fpm8.2 -F -y /f.conf -c /php.ini",
        "php-fpm8.2 -t -y /f.conf -c /php.ini"
    )]
    #[case(
        "php-fpm",
        "php-fpm --nodaemonize --fpm-config /f -R",
        "php-fpm -t -y /f -R"
    )]
    #[case("rsyslog", "rsyslogd -n -f /r.conf", "rsyslogd -N1 -f /r.conf")]
    #[case("squid", "squid -N -f /s.conf", "squid -k parse -f /s.conf")]
    #[case("unbound", "unbound -dc /u.conf", "unbound-checkconf /u.conf")]
    fn the_check_is_of_the_files_that_the_command_names(
        #[case] preset: &str,
        #[case] command: &str,
        #[case] expect: &str,
    ) {
        assert_eq!(checked(preset, command), Ok(Some(expect.to_owned())));
    }

    #[rstest]
    #[case("nginx", "nginx -g daemon;")]
    #[case("dnsmasq", "dnsmasq --keep-in-foreground --port=53")]
    #[case("unbound", "unbound -d")]
    #[case("squid", "squid --foreground")]
    fn the_presets_own_will_do(#[case] preset: &str, #[case] command: &str) {
        assert_eq!(checked(preset, command), Ok(None));
    }

    #[rstest]
    #[case("nginx", "nginx -c $(CONF)", "$(CONF)")]
    #[case("nginx", "nginx $(OPTIONS)", "$(OPTIONS)")]
    #[case("nginx", "nginx -c", "-c")]
    #[case("haproxy", "haproxy -f -W", "-W")]
    #[case("haproxy", "haproxy -W -f/a.cfg", "-f/a.cfg")]
    #[case("haproxy", "haproxy -W -f", "")]
    #[case("dnsmasq", "dnsmasq --conf-f=/d", "--conf-f")]
    #[case("rsyslog", "rsyslogd -T /jail", "-T")]
    #[case("unbound", "/opt/unbound/unbound -c /u", "/opt/unbound/unbound")]
    fn what_is_odd_is_not_guessed(#[case] preset: &str, #[case] command: &str, #[case] odd: &str) {
        let why = checked(preset, command).unwrap_err();
        let said = format!("its command has {odd}, for which no check is known");
        assert!(why.starts_with(&said) && why.contains("--check"), "{why}");
    }

    #[test]
    fn a_program_that_checks_its_whole_command_line_has_all_of_it() {
        let checked = |command| checked("gunicorn", command);
        let expected = "gunicorn --check-config -c /etc/g.conf.py -b 0.0.0.0:8000 app:app";
        let command = "gunicorn -c /etc/g.conf.py -b 0.0.0.0:8000 app:app";
        assert_eq!(checked(command), Ok(Some(expected.to_owned())));
        assert!(checked("gunicorn -b :$(PORT) app:app").is_err());
    }

    #[test]
    fn images_name_files_too() {
        let check = |container: &Value, preset| check(named(preset).unwrap(), container);
        let expected = "haproxy -c -f /usr/local/etc/haproxy/haproxy.cfg".to_owned();
        let haproxy = json!({"image": "haproxy:3.2"});
        assert_eq!(check(&haproxy, "haproxy"), Ok(Some(expected)));
        let files = json!({"image": "haproxy:3.2", "args": ["-f", "/a", "--", "/b"]});
        let expected = "haproxy -c -f /a -f /b".to_owned();
        assert_eq!(check(&files, "haproxy"), Ok(Some(expected)));
        assert_eq!(check(&json!({"image": "nginx"}), "nginx"), Ok(None));
        let spaced = json!({"command": ["nginx", "-c", "/a b.conf"]});
        assert!(check(&spaced, "nginx").is_err());
    }
}
