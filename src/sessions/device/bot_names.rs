//! The names of bots that have no word for what they are in their name.

/// Names, in lower case.
#[rustfmt::skip]
pub(super) const BOTS: &[&str] = &[
    "abuse.xmco.fr", "adbeat", "adbeat.com", "anthropic-ai", "arachni", "assetnote", "axios-retry", "barracuda",
    "better-uptime", "blogtrottr", "browsershots", "builtwith", "bw", "catchpoint", "chatgpt-user", "checkly",
    "claude-searchbot", "claude-user", "claude-web", "cloudflare-diagnostics", "cloudflare-ssldetector",
    "cloudflarediagnostics", "cloudflareobservatory", "cohere-ai", "collapsify", "collectd", "convertify",
    "cookiehubscan", "cookiehubverify", "cortex", "criticalcss.com", "csscheck", "cybaaagent", "dareboost", "datadog",
    "datadogsynthetics", "datanyze", "daum", "daumoa", "devin", "dmbrowser", "dmbrowser-bv", "domainsproject",
    "dotbot", "duplexweb-google", "embedly", "evc-batch", "expanse", "ezooms", "facebookcatalog",
    "facebookexternalhit", "facebookexternalua", "facebot", "feedbin", "fontradar", "foregenix", "functionize",
    "gbrmss", "ggpht.com", "gigablast", "gigablastopensource", "gobuster", "google-inspectiontool", "google-xrawler",
    "google_partner_monitoring", "googleassociationservice", "googlehc", "googleimageproxy", "googleother",
    "goosee-audit", "gotsitemonitor.com", "gtmetrix", "hardenize", "heritrix", "hotjar", "httrack", "ia_archiver",
    "iframely", "inoreader.com", "ips-agent", "iskanie", "itms", "kouio.com", "l9explore", "l9tcpid", "linkdex.com",
    "linktiger", "manus-user", "masscan", "mediapartners-google", "meta-externalads", "meta-externalagent",
    "meta-externalfetcher", "miniature.io", "mistralai-user", "mixnode", "mnogosearch", "mshots", "munin", "nagios",
    "netcraft", "netcraftsurveyagent", "netlyzer", "netshelter", "netsystemsresearch", "newrelic", "newrelicpinger",
    "newsblur", "newsnow", "nikto", "nitro-optimizer-agent", "nmap", "nodeping", "nuclei", "nutch", "nutch-1.20",
    "nuzzel", "octopus", "optimizer", "outbrain", "owler", "pageburst", "pagething.com", "panscient.com",
    "perplexity-user", "phantomas", "phpmyadmin", "pocketimagecache", "pocketparser", "printfriendly.com",
    "prittorrent", "project_patchwatch", "prometheus", "ptst", "rainmeter", "ramblermail", "rigor", "robozilla",
    "scaninfo", "securityheaders", "seobility", "seznamemailproxy", "shopify-partner-homepage-scraper", "silktide",
    "sistrix", "site24x7", "site24x7.com", "siteimprove", "siteimprove.com", "sixy.ch", "skypeuripreview",
    "slack-imgproxy", "slurp", "snapchatads", "snapurlpreview", "spawning-ai", "sqlmap", "sqwatcher", "statuscake",
    "statuscakerig", "sucuri", "sv-watchagent", "taginspector", "testlocally", "theoldreader.com", "thousandeyes",
    "tracemyfile", "trendsmapresolver", "twingly", "twinwavescanner", "twurly", "updown.io", "updownio", "vercelbot",
    "viberurldownloader", "w3c-checklink", "w3c_css_validator", "w3c_i18n-checker", "w3c_validator", "watchtowr",
    "websitepulse", "whatcms", "whatsmyip", "wheregoes.com", "xenu", "xtate", "yahoo:linkexpander:slingstone",
    "yandexaccessibility", "yandexblogs", "yandexcalendar", "yandexdirect", "yandexfavicons", "yandeximages",
    "yandexmarket", "yandexmedia", "yandexmetrika", "yandexmobilescreenshot", "yandexnews", "yandexpagechecker",
    "yandexrenderresources", "yandexscreenshot", "yandexsearchshop", "yandexsitelinks", "yandexspravbot",
    "yandexturbo", "yandexuserproxy", "yandexverticals", "yandexvertis", "yandexvideo", "yandexwebmaster", "ylt",
    "zabbix", "zeno", "zgrab", "zoominfobot",
];

/// Bots by a text at the beginning of a word, in lower case, whose names the string tells in many words.
pub(super) const BOT_PHRASES: &[(&str, &str)] = &[
    ("amazon-route53-health-check", "Amazon Route 53"),
    ("better stack better uptime", "Better Stack"),
    ("consul health check", "Consul"),
    ("hetrixtools", "HetrixTools"),
    ("pingdom.com_bot", "Pingdom"),
    ("prerender (+", "Prerender"),
];

/// Libraries, tools, and apps that play podcasts or read feeds, in lower case. Some give an address, as bots do.
#[rustfmt::skip]
pub(super) const NOT_BOTS: &[&str] = &[
    "aiohttp", "akregator", "antennapod", "apache-httpclient", "axios", "castbox", "castro", "curl", "deno",
    "doggcatcher", "downcast", "electron-fetch", "faraday", "feedflow", "feedly", "feedparser", "fetch", "fountain",
    "go-http-client", "google-api-java-client", "google-http-java-client", "got", "gpodder", "guzzlehttp", "httpie",
    "httpx", "httrack-client", "icatcher", "insomnia", "itunes", "java", "java-http-client", "ky", "libwww-perl",
    "liferea", "lwp::simple", "needle", "netnewswire", "newsboat", "newsflash", "newsify", "node", "node-fetch",
    "node-superagent", "node.js", "npm", "okhttp", "overcast", "perl", "player", "playerfm", "pnpm", "pocketcasts",
    "podbean", "podcastaddict", "podcasts", "podkicker", "podverse", "postmanruntime", "powershell", "python-httpx",
    "python-requests", "python-urllib", "quiterss", "reeder", "request", "rest-client", "restsharp", "resty",
    "rssguard", "rssradio", "ruby", "snipd", "superagent", "symfony", "terraform", "typhoeus", "undici", "urllib3",
    "vienna", "wget", "windowspowershell", "winhttp", "xh", "yarn",
];
