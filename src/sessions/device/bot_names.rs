//! The names of bots that have no word for what they are in their name.

/// Names, in lower case.
#[rustfmt::skip]
pub(super) const BOTS: &[&str] = &[
    "adbeat", "anthropic-ai", "arachni", "assetnote", "axios-retry", "barracuda", "better-uptime", "blogtrottr",
    "browsershots", "builtwith", "bw", "castro", "catchpoint", "chatgpt-user", "checkly", "claude-searchbot",
    "claude-user", "claude-web", "cloudflare-diagnostics", "cloudflare-ssldetector", "cloudflarediagnostics",
    "cloudflareobservatory", "cohere-ai", "collectd", "convertify", "cortex", "csscheck", "cybaaagent", "datadog",
    "datadogsynthetics", "datanyze", "daum", "daumoa", "devin", "dmbrowser", "dmbrowser-bv", "domainsproject",
    "dotbot", "duplexweb-google", "embedly", "evc-batch", "expanse", "ezooms", "facebookcatalog",
    "facebookexternalhit", "facebookexternalua", "facebot", "feedbin", "feedly", "fontradar", "functionize", "gbrmss",
    "ggpht.com", "gigablast", "gigablastopensource", "gobuster", "google-inspectiontool", "google-xrawler",
    "google_partner_monitoring", "googleassociationservice", "googlehc", "googleimageproxy", "googleother",
    "goosee-audit", "heritrix", "httrack", "ia_archiver", "iframely", "inoreader.com", "iskanie", "itms", "kouio.com",
    "l9explore", "l9tcpid", "linkdex.com", "manus-user", "masscan", "mediapartners-google", "meta-externalads",
    "meta-externalagent", "meta-externalfetcher", "mistralai-user", "mixnode", "mnogosearch", "mshots", "munin",
    "nagios", "netcraft", "netcraftsurveyagent", "netlyzer", "netsystemsresearch", "newrelic", "newrelicpinger",
    "newsblur", "nikto", "nmap", "nodeping", "nuclei", "nutch", "nutch-1.20", "nuzzel", "octopus", "optimizer",
    "outbrain", "owler", "pageburst", "pagething.com", "panscient.com", "perplexity-user", "phantomas", "phpmyadmin",
    "pocketimagecache", "pocketparser", "prittorrent", "project_patchwatch", "prometheus", "ptst", "rainmeter",
    "ramblermail", "rigor", "robozilla", "scaninfo", "seobility", "seznamemailproxy",
    "shopify-partner-homepage-scraper", "sistrix", "site24x7", "site24x7.com", "siteimprove", "siteimprove.com",
    "sixy.ch", "skypeuripreview", "slack-imgproxy", "slurp", "snapchatads", "snapurlpreview", "spawning-ai", "sqlmap",
    "statuscake", "statuscakerig", "sucuri", "taginspector", "theoldreader.com", "tracemyfile", "trendsmapresolver",
    "twingly", "twinwavescanner", "twurly", "updown.io", "updownio", "vercelbot", "viberurldownloader",
    "w3c-checklink", "w3c_css_validator", "w3c_i18n-checker", "w3c_validator", "websitepulse", "whatcms", "whatsmyip",
    "wheregoes.com", "xenu", "xtate", "yahoo:linkexpander:slingstone", "yandexaccessibility", "yandexblogs",
    "yandexcalendar", "yandexdirect", "yandexfavicons", "yandeximages", "yandexmarket", "yandexmedia",
    "yandexmetrika", "yandexmobilescreenshot", "yandexnews", "yandexpagechecker", "yandexrenderresources",
    "yandexscreenshot", "yandexsearchshop", "yandexsitelinks", "yandexspravbot", "yandexturbo", "yandexuserproxy",
    "yandexverticals", "yandexvertis", "yandexvideo", "yandexwebmaster", "zabbix", "zeno", "zgrab", "zoominfobot",
];

/// Libraries and tools, in lower case. Some give an address, as bots do.
#[rustfmt::skip]
pub(super) const NOT_BOTS: &[&str] = &[
    "aiohttp", "apache-httpclient", "axios", "curl", "deno", "electron-fetch", "faraday", "fetch", "go-http-client",
    "google-api-java-client", "google-http-java-client", "got", "guzzlehttp", "httpie", "httpx", "httrack-client",
    "insomnia", "java", "java-http-client", "ky", "libwww-perl", "lwp::simple", "needle", "node", "node-fetch",
    "node-superagent", "node.js", "npm", "okhttp", "perl", "pnpm", "postmanruntime", "powershell", "python-httpx",
    "python-requests", "python-urllib", "request", "rest-client", "restsharp", "resty", "ruby",
    "superagent", "symfony", "typhoeus", "undici", "urllib3", "wget", "windowspowershell", "winhttp", "xh", "yarn",
];
