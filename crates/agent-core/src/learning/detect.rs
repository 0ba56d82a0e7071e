//! Which sentences are wishes that shall hold from now on.
//!
//! A sentence counts when it says that it is meant for good (“from now on”, “immer”, “以后”) and is about how to answer, or
//! begins as a standing order; and when it corrects an answer (“too long”). What holds for one message alone does not count,
//! nor what somebody tells about themselves. Rather one rule missed than one made up.

use std::sync::LazyLock;

use regex::Regex;

/// Longer messages are pasted documents.
const MOST_CHARS: usize = 2_000;
/// Longest rule, in characters.
const MOST_RULE: usize = 300;

/// A wish in a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Detected {
    /// What it is about: two wishes about one topic contradict each other. `None`: it stands for itself.
    pub(crate) topic: Option<String>,
    /// In the words in which it was said.
    pub(crate) text: String,
    /// Whether it is meant for this chat platform only.
    pub(crate) here: bool,
    /// Whether it is meant for everybody.
    pub(crate) all: bool,
}

/// How a sentence must look to be about a topic.
struct Pattern {
    topic: &'static str,
    /// Whether it counts only beside words that say “for good”.
    standing: bool,
    regex: Regex,
}

/// Words that say that something holds for good: English, German, Chinese, French, Spanish.
const STANDING: &str = r"(?xi)
    \b(from\ now\ on|from\ here\ on|going\ forward|in\ (the\ )?future|always|never|every\ time|by\ default|
       not?\ .{0,40}\ (any\ ?more|again)|i\ (would\ )?prefer|remember\ to)\b |
    \b(ab\ (jetzt|sofort|heute)|von\ (nun|jetzt)\ an|in\ zukunft|k(ü|ue)nftig|immer|stets|nie(mals)?(\ (mehr|wieder))?|
       nicht\ mehr|grunds(ä|ae)tzlich|standardm(ä|ae)(ß|ss)ig|ich\ bevorzuge)\b |
    从现在(起|开始)|从今(以)?后|以后|今后|往后|始终|总是|永远|一直|不要再|别再|每次|一律 |
    \b(désormais|dorénavant|à\ l'avenir|toujours|jamais)\b |
    \b(a\ partir\ de\ ahora|de\ ahora\ en\ adelante|en\ el\ futuro|siempre|nunca)\b";

/// The names of languages in those languages.
const LANGUAGE: &str = r"(english|german|chinese|mandarin|french|spanish|italian|portuguese|dutch|polish|russian|ukrainian|turkish|arabic|hindi|japanese|korean|englisch|deutsch|chinesisch|franz(ö|oe)sisch|spanisch|italienisch|portugiesisch|niederl(ä|ae)ndisch|polnisch|russisch|ukrainisch|t(ü|ue)rkisch|arabisch|japanisch|koreanisch|anglais|allemand|chinois|français|espagnol|inglés|alemán|chino|francés|español)";

static TOPICS: LazyLock<Vec<Pattern>> = LazyLock::new(|| {
    let language = format!(r"(?i)\b(in|auf|en)\s+(plain\s+|simple\s+|einfachem\s+)?{LANGUAGE}\b");
    let table: &[(&str, bool, &str)] = &[
        ("language", true, &language),
        (
            "language",
            true,
            r"(用|说|讲|以|使用)\s*(简体|繁体)?(中文|汉语|普通话|英文|英语|德文|德语|法文|法语|西班牙语|日语|日文|韩语|俄语)",
        ),
        (
            "length",
            true,
            r"(?i)\b(short(er)?|brief(ly)?|concise(ly)?|terse|long(er)?|detailed|verbose|in detail|one (line|sentence)|(two|three) (lines|sentences)|bullet points only)\b",
        ),
        (
            "length",
            true,
            r"(?i)\b(kurz|k(ü|ue)rzer|knapp(er)?|b(ü|ue)ndig|l(ä|ae)nger|ausf(ü|ue)hrlich(er)?|detailliert(er)?|(ein|zwei|drei) (satz|s(ä|ae)tze|s(ä|ae)tzen))\b",
        ),
        ("length", true, r"简短|简洁|简明|短一点|精简|详细|长一点|一句话|两句话"),
        ("length", true, r"(?i)\b(court|bref|concis|détaillé|corto|breve|conciso|detallado)s?\b"),
        (
            "length",
            false,
            r"(?i)\b(answers?|repl(y|ies)|messages?|responses?) (is|are|was|were) (much |far |way |a bit )?too (long|short|verbose|wordy|detailed)\b",
        ),
        (
            "length",
            false,
            r"(?i)\b(antwort(en)?|nachrichten?) (ist|sind|war|waren) (viel |etwas )?zu (lang|kurz|ausf(ü|ue)hrlich|knapp)\b",
        ),
        ("length", false, r"(回答|回复|答案|消息)(都|总是)?(太|过于)(长|短|啰嗦|简短|详细)"),
        (
            "tone",
            true,
            r"(?i)\b((in)?formal(ly)?|casual(ly)?|polite(ly)?|friendly|f(ö|oe)rmlich|h(ö|oe)flich|locker|freundlich|sachlich)\b|正式|随意|礼貌|亲切|客气",
        ),
        (
            "tone",
            false,
            r"(?i)^(bitte )?(duz(e|en)|siez(e|en)?) (mich|wir uns)\b|^(bitte )?sag (du|sie) zu mir\b|称呼我为?(您|你)|用(您|你)称呼我",
        ),
        ("name", false, r"^(?i:please |just )?(?i:call me) (?:\p{Lu}[\p{L}'-]+)"),
        ("name", false, r"^(?i:bitte )?(?i:nenn(e)? mich) (?:\p{Lu}[\p{L}'-]+)"),
        ("name", false, r"^请?(以后)?(叫|称呼)我(?:[^起来去回上下吃看做一，。！!,. ][^，。！!,. ]{0,9})$"),
        ("emoji", true, r"(?i)\bemojis?\b|表情"),
        (
            "emoji",
            false,
            r"(?i)^(please )?(no|stop using|don'?t use|drop the)( any)?( more)? emojis?\b|^(bitte )?keine emojis?\b|^(请)?(不要|别)(再)?(用|使用)表情",
        ),
        (
            "lists",
            true,
            r"(?i)\b(bullet (points?|lists?)|bullets|lists|aufz(ä|ae)hlung(en)?|stichpunkte?n?)\b|列表|要点",
        ),
        ("tables", true, r"(?i)\b(tables?|tabellen?)\b|表格"),
        ("markdown", true, r"(?i)\b(markdown|plain text|klartext)\b|纯文本"),
        (
            "units",
            true,
            r"(?i)\b(metric|imperial|celsius|fahrenheit|kilomet(er|re)s?|miles|metrisch(e[nrs]?)?)\b|公制|英制|摄氏|华氏",
        ),
        ("links", true, r"(?i)\b(sources|links|quellen(angaben?)?)\b|来源|链接"),
    ];
    table
        .iter()
        .filter_map(|(topic, standing, regex)| {
            Some(Pattern { topic, standing: *standing, regex: Regex::new(regex).ok()? })
        })
        .collect()
});

static FOR_GOOD: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(STANDING).ok());

/// Standing orders begin so; the words behind must not be about the speaker.
static ORDER: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?xi)^
        ( (and\ |please\ |so\ )*(from\ now\ on|going\ forward|in\ (the\ )?future|always|never)[,:]?\ +(please\ )?(?P<en>[\p{L}']+)
        | (und\ |bitte\ )*(ab\ (jetzt|sofort)|von\ (nun|jetzt)\ an|in\ zukunft|k(ü|ue)nftig|immer|nie(mals)?)[,:]?\ +(bitte\ )?(?P<de>[\p{L}]+)
        | 请?(从现在(起|开始)|以后|今后|始终|总是|永远不要|不要再|别再|每次)(请|都)?，?(?P<zh>\p{Han}) )",
    )
    .ok()
});

/// First words behind a standing order that make it a statement.
const STATEMENT: &[&str] = &[
    "i", "i'm", "i'll", "i've", "we", "we're", "we'll", "he", "she", "they", "it", "it's", "my", "our",
    "his", "her", "there", "the", "this", "that", "a", "an", "mind", "ever", "been", "had", "heard", "seen",
    "knew", "thought", "happened", "will", "ich", "wir", "er", "es", "mein", "meine", "unser", "unsere",
    "bin", "habe", "hat", "ist", "sind", "gibt", "wird", "werde", "werden", "der", "die", "das", "noch",
    "wieder", "mehr", "我", "他", "她", "它", "有", "是",
];

static HERE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)\b(in this (chat|channel|group)|on this (channel|platform)|in diesem (chat|kanal)|in dieser gruppe|nur hier|only here)\b|在(这里|此频道|本群|这个群)").ok()
});

static ALL: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)\b(to everyone|for everyone|everybody|all users|f(ü|ue)r alle|allen gegen(ü|ue)ber|alle[nr]? nutzer(n)?)\b|对(所有人|大家)|所有用户").ok()
});

fn holds(regex: &LazyLock<Option<Regex>>, text: &str) -> bool {
    regex.as_ref().is_some_and(|regex| regex.is_match(text))
}

/// The wishes in a message, in order, each topic once: the last one counts.
#[must_use]
pub(crate) fn detect(message: &str) -> Vec<Detected> {
    if message.chars().count() > MOST_CHARS {
        return Vec::new();
    }
    let mut found: Vec<Detected> = Vec::new();
    for sentence in sentences(message) {
        let Some(topic) = topic(sentence) else { continue };
        let text: String = sentence.chars().take(MOST_RULE).collect();
        let (here, all) = (holds(&HERE, sentence), holds(&ALL, sentence));
        found.retain(|earlier| topic.is_none() || earlier.topic.as_deref() != topic);
        found.push(Detected { topic: topic.map(str::to_owned), text, here, all });
    }
    found
}

/// What a sentence is a rule about; the outer `None`: it is none.
fn topic(sentence: &str) -> Option<Option<&'static str>> {
    // A question asks.
    if sentence.ends_with(['?', '？']) {
        return None;
    }
    let standing = holds(&FOR_GOOD, sentence);
    let statement = is_statement(sentence);
    let fits = |pattern: &&Pattern| {
        (standing && !statement || !pattern.standing) && pattern.regex.is_match(sentence)
    };
    if let Some(pattern) = TOPICS.iter().find(fits) {
        return Some(Some(pattern.topic));
    }
    let order = ORDER.as_ref()?.captures(sentence)?;
    let next = ["en", "de", "zh"].iter().find_map(|name| order.name(name))?.as_str().to_lowercase();
    (!STATEMENT.contains(&next.as_str())).then_some(None)
}

/// Whether a sentence tells something about its speaker or others: “I always write short mails”.
fn is_statement(sentence: &str) -> bool {
    let words: Vec<String> = sentence
        .split(|c: char| !c.is_alphanumeric() && c != '\'')
        .filter(|word| !word.is_empty())
        .take(2)
        .map(str::to_lowercase)
        .collect();
    let (first, second) = (words.first().map_or("", String::as_str), words.get(1).map_or("", String::as_str));
    let wish = matches!(
        second,
        "want" | "would" | "prefer" | "like" | "bevorzuge" | "möchte" | "moechte" | "will" | "wünsche"
    );
    match first {
        "i" | "ich" => !wish,
        "we" | "he" | "she" | "they" | "it" | "my" | "our" | "his" | "her" | "their" | "wir" | "er"
        | "sie" | "es" | "mein" | "meine" | "unser" | "unsere" | "man" | "why" | "warum" | "when"
        | "wenn" => true,
        _ => {
            sentence.starts_with(['我', '他', '她'])
                && !sentence.starts_with("我希望")
                && !sentence.starts_with("我想要")
        }
    }
}

/// The sentences of a message without what is quoted in it.
fn sentences(message: &str) -> impl Iterator<Item = &str> {
    let lines = message.lines().filter(|line| !line.trim_start().starts_with('>'));
    lines
        .flat_map(|line| line.split_inclusive(['.', '!', '?', '。', '！', '？', ';', '；']))
        .map(|sentence| sentence.trim().trim_end_matches(['.', '!', '。', '！', ';', '；']).trim())
        .filter(|sentence| !sentence.is_empty())
}
