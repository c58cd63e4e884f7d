//! Apps that show pages in a browser of their own.

use super::user_agent::{UserAgent, look_up};

/// Apps by a word of the string, in lower case. They are named without their version, which means nothing to users.
const APPS: &[(&str, &str)] = &[
    ("alipayclient", "Alipay"),
    ("aweme", "Douyin"),
    ("baiduboxapp", "Baidu"),
    ("barcelona", "Threads"),
    ("biliapp", "Bilibili"),
    ("bingsapphire", "Microsoft Bing"),
    ("bingweb", "Microsoft Bing"),
    ("daumapps", "Daum"),
    ("dingtalk", "DingTalk"),
    ("fb_iab", "Facebook"),
    ("fban", "Facebook"),
    ("flipboard", "Flipboard"),
    ("gnews", "Google News"),
    ("gsa", "Google app"),
    ("homeassistant", "Home Assistant"),
    ("inoreader", "Inoreader"),
    ("instagram", "Instagram"),
    ("kakaostory", "KakaoStory"),
    ("kakaotalk", "KakaoTalk"),
    ("lark", "Lark"),
    ("lazada", "Lazada"),
    ("line", "LINE"),
    ("linkedinapp", "LinkedIn"),
    ("messengerforios", "Messenger"),
    ("metamaskmobile", "MetaMask"),
    ("micromessenger", "WeChat"),
    ("musical_ly", "TikTok"),
    ("naver", "NAVER"),
    ("newsarticle", "Toutiao"),
    ("newssapphire", "Microsoft Start"),
    ("okapp", "OK"),
    ("orcaios", "Messenger"),
    ("pinterest", "Pinterest"),
    ("qq", "QQ"),
    ("quora", "Quora"),
    ("reddit", "Reddit"),
    ("roblox", "Roblox"),
    ("slack_ssb", "Slack"),
    ("snapchat", "Snapchat"),
    ("teams", "Microsoft Teams"),
    ("teamsmobile-android", "Microsoft Teams"),
    ("teamsmobile-ios", "Microsoft Teams"),
    ("telegram-android", "Telegram"),
    ("trill", "TikTok"),
    ("twitter", "X"),
    ("twitterandroid", "X"),
    ("viber", "Viber"),
    ("vkandroidapp", "VK"),
    ("vkclient", "VK"),
    ("weibo", "Weibo"),
    ("xiaohongshu", "Xiaohongshu"),
    ("yjapp-android", "Yahoo! JAPAN"),
    ("yjapp-ios", "Yahoo! JAPAN"),
    ("zalo", "Zalo"),
    ("zhihuhybrid", "Zhihu"),
];

/// Finds the app of a string.
pub(super) fn find(ua: &UserAgent<'_>) -> Option<&'static str> {
    if ua.contains_any(&["fban/messenger", "fb_iab/messenger", "fban/orca", "fb_iab/orca"]) {
        return Some("Messenger");
    }
    // WeChat for companies says that it is WeChat as well.
    if ua.has("wxwork") {
        return Some("WeCom");
    }
    if ua.is_mozilla() && ua.contains(" home assistant/") {
        return Some("Home Assistant");
    }
    let words = ua.words.iter().skip(usize::from(ua.is_mozilla())).filter(|word| word.is_product());
    words.map(|word| without_version(word.name)).find_map(|name| look_up(APPS, name))
}

/// `musical_ly_2022704050` is `musical_ly`.
fn without_version(name: &str) -> &str {
    let (start, end) = name.rsplit_once('_').unwrap_or((name, ""));
    if end.starts_with(|c: char| c.is_ascii_digit()) { start } else { name }
}

#[cfg(test)]
pub(super) const TABLE: &[(&str, &str)] = APPS;
