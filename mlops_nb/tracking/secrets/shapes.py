"""What credentials look like: the shapes that their providers publish.

detect-secrets' plugins come first; what they lack stands in `OWN`, each with where its shape is published.
"""

from __future__ import annotations

import logging
import re
import warnings
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from types import ModuleType


@dataclass(frozen=True, slots=True)
class Shape:
    """A credential known by its form.

    One of the `clues` is in every long word that holds the credential (with `is_far`, in lower case somewhere in
    the text). `group` is the part of the match that is secret. With `is_bounded` a letter or digit
    must not follow; else whatever follows in the same word belongs to it. With `is_random` it must look drawn
    by chance, too: its form alone is not telling.
    """

    kind: str
    pattern: re.Pattern[str]
    clues: tuple[str, ...]
    group: int = 0
    is_bounded: bool = False
    is_random: bool = False
    is_far: bool = False


_PLUGINS: tuple[tuple[str, str, str, str, dict[str, bool]], ...] = (
    ("github_token", "GitHubTokenDetector", "GitHub token", "ghp_ gho_ ghu_ ghs_ ghr_", {}),
    (
        "gitlab_token",
        "GitLabTokenDetector",
        "GitLab token",
        "glpat- gldt- glft- glsoat- glrt- GR1348941 glcbt- glimt- glptt- glagent- gloas-",
        {},
    ),
    ("aws", "AWSKeyDetector", "AWS key", "AKIA ASIA ABIA ACCA A3T", {"is_bounded": True}),
    ("azure_storage_key", "AzureStorageKeyDetector", "Azure storage key", "AccountKey=", {}),
    ("cloudant", "CloudantDetector", "Cloudant key", "cloudant clou cl_ cl-", {"is_bounded": True, "is_far": True}),
    ("discord", "DiscordBotTokenDetector", "Discord token", ".", {"is_random": True}),
    (
        "ibm_cloud_iam",
        "IbmCloudIamDetector",
        "IBM Cloud key",
        "ibm iam",
        {"is_bounded": True, "is_random": True, "is_far": True},
    ),
    ("ibm_cos_hmac", "IbmCosHmacDetector", "IBM Cloud key", "ibm cos_ cos-", {"is_bounded": True, "is_far": True}),
    ("mailchimp", "MailchimpDetector", "Mailchimp key", "-us", {"is_bounded": True, "is_random": True}),
    ("npm", "NpmDetector", "npm token", "_authtoken", {"is_far": True}),
    ("openai", "OpenAIDetector", "OpenAI key", "T3BlbkFJ", {}),
    ("pypi_token", "PypiTokenDetector", "PyPI token", "pypi-AgE", {}),
    ("sendgrid", "SendGridDetector", "SendGrid key", "SG.", {}),
    ("slack", "SlackDetector", "Slack token", "xox hooks.slack.com", {}),
    ("softlayer", "SoftlayerDetector", "SoftLayer key", "softlayer sl_ sl-", {"is_bounded": True, "is_far": True}),
    ("square_oauth", "SquareOAuthDetector", "Square secret", "sq0csp-", {}),
    ("stripe", "StripeDetector", "Stripe key", "sk_live_ rk_live_", {}),
    ("telegram_token", "TelegramBotTokenDetector", "Telegram token", ":AA", {"is_bounded": True, "is_random": True}),
    ("twilio", "TwilioKeyDetector", "Twilio key", "AC SK", {"is_bounded": True, "is_random": True}),
    ("artifactory", "ArtifactoryDetector", "Artifactory key", "AKC AP", {"is_bounded": True, "is_random": True}),
)
"""Module and class of a plugin, what we call its kind, its clues. Those that are not here: `basic_auth` and
`private_key` find less than the secret or more than one, `jwt` leaves the signature, `keyword` and
`high_entropy_strings` read lines of source code only, `ip_public` is no secret."""

_WHOLE_MATCH = ("github_token", "gitlab_token")
"""Their patterns have groups which are not the secret."""

PLUGIN_CLUES = frozenset(clue for *_, clues, more in _PLUGINS for clue in clues.split() if "is_far" not in more)
FAR_CLUES = frozenset(clue for *_, clues, more in _PLUGINS for clue in clues.split() if "is_far" in more)


@lru_cache(maxsize=1)
def plugin_shapes() -> tuple[Shape, ...]:
    """The shapes of detect-secrets; importing it takes about a tenth of a second, once a process."""
    return tuple(
        Shape(kind, pattern, tuple(clues.split()), 0 if name in _WHOLE_MATCH else min(pattern.groups, 1), **settings)
        for name, plugin, kind, clues, settings in _PLUGINS
        for pattern in getattr(_plugin_module(name), plugin).denylist
    )


def _plugin_module(name: str) -> ModuleType:
    """A plugin of detect-secrets. Its import sends all warnings of the process to its log, which is taken back."""
    shows = warnings.showwarning
    module = import_module(f"detect_secrets.plugins.{name}")
    if warnings.showwarning is not shows:
        logging.captureWarnings(False)
    return module


def _own(kind: str, pattern: str, clues: str, **settings: bool) -> Shape:
    return Shape(kind, re.compile(pattern), tuple(clues.split()), **settings)


OWN = (
    # platform.openai.com/docs/api-reference/authentication; project, service account and admin keys
    _own("OpenAI key", r"sk-(?:proj|svcacct|admin|None)-[\w-]{20,}", "sk-proj- sk-svcacct- sk-admin- sk-None-"),
    # docs.anthropic.com/en/api/admin-api: sk-ant-api03-, sk-ant-admin01-, sk-ant-oat01-
    _own("Anthropic key", r"sk-ant-[\w-]{20,}", "sk-ant-"),
    # openrouter.ai/docs/api-reference/authentication, api-docs.deepseek.com and others that follow OpenAI's form
    _own("API key", r"sk-(?:or-v1-)?[A-Za-z0-9]{32,}", "sk-", is_random=True),
    # huggingface.co/docs/hub/security-tokens
    _own("Hugging Face token", r"(?:hf|api_org)_[A-Za-z0-9]{30,}", "hf_ api_org_"),
    # cloud.google.com/docs/authentication/api-keys; OAuth: developers.google.com/identity/protocols/oauth2
    _own("Google key", r"AIza[\w-]{35}", "AIza"),
    _own("Google secret", r"GOCSPX-[\w-]{20,}", "GOCSPX-"),
    _own("Google token", r"ya29\.[\w-]{20,}|1//0[\w-]{30,}", "ya29. 1//0"),
    # docs.github.com/en/authentication: fine-grained personal access tokens
    _own("GitHub token", r"github_pat_[A-Za-z0-9_]{22,}", "github_pat_"),
    # docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys.html: the key of 40 characters by its name
    Shape(
        "AWS key",
        re.compile(
            r"aws.{0,20}?(?:key|pwd|pw|password|pass|token)[^\n]{0,20}?([0-9a-zA-Z/+]{40})(?![0-9a-zA-Z/+])", re.I
        ),
        ("aws",),
        group=1,
        is_random=True,
        is_far=True,
    ),
    # docs.aws.amazon.com/bedrock/latest/userguide/api-keys.html
    _own("AWS key", r"ABSK[A-Za-z0-9+/]{80,}={0,2}", "ABSK"),
    # docs.databricks.com/en/dev-tools/auth/pat.html
    _own("Databricks token", r"dapi[0-9a-f]{32}(?:-\d{1,2})?", "dapi", is_bounded=True),
    # docs.digitalocean.com/reference/api/create-personal-access-token
    _own("DigitalOcean token", r"do[opr]_v1_[0-9a-f]{64}", "_v1_"),
    # developer.hashicorp.com/vault/docs/concepts/tokens; HCP Terraform API tokens
    _own("Vault token", r"hv[bsr]\.[\w-]{20,}", "hvs. hvb. hvr."),
    _own("Terraform token", r"[A-Za-z0-9]{14}\.atlasv1\.[\w-]{40,}", ".atlasv1."),
    # learn.microsoft.com: shared access signatures and keys, Entra client secrets
    _own("Azure signature", r"(?<=sig=)[A-Za-z0-9%+/]{40,}={0,2}", "sig="),
    _own("Azure key", r"(?<=SharedAccessKey=)[A-Za-z0-9+/]{40,}={0,2}", "SharedAccessKey="),
    _own("Azure secret", r"[\w~.-]{3}\dQ~[\w~.-]{31,34}", "Q~"),
    # docs.slack.dev/authentication/tokens: app-level and rotating tokens
    _own("Slack token", r"xapp-\d-[A-Za-z0-9]+-\d+-[A-Za-z0-9]+|xoxe(?:\.xox[bp])?-\d-[A-Za-z0-9]{40,}", "xapp- xoxe"),
    # docs.stripe.com/keys
    _own(
        "Stripe key",
        r"(?:[sr]k_(?:live|test|prod)|whsec)_[A-Za-z0-9+/=]{16,}",
        "sk_live_ rk_live_ sk_test_ rk_test_ sk_prod_ rk_prod_ whsec_",
    ),
    # github.blog/2021-09-23-announcing-npms-new-access-token-format
    _own("npm token", r"npm_[A-Za-z0-9]{36}", "npm_"),
    # datatracker.ietf.org/doc/html/rfc7519
    _own("JSON web token", r"(?:(?<![\w-])|(?<=\\[nrt]))eyJ[\w-]{10,}+(?:\.[\w-]*+){2,4}", "eyJ"),
    # documentation.mailgun.com; developer.squareup.com/docs/build-basics/access-tokens
    _own("Mailgun key", r"key-[0-9a-f]{32}", "key-", is_bounded=True),
    _own("Square token", r"sq0(?:atp|idp)-[\w-]{22,}|EAAA[\w-]{60}", "sq0 EAAA"),
    # console.groq.com, replicate.com, docs.x.ai, docs.perplexity.ai, docs.nvidia.com/nim, docs.pinecone.io,
    # docs.smith.langchain.com: the beginnings that their keys have there
    _own("Groq key", r"gsk_[A-Za-z0-9]{40,}", "gsk_"),
    _own("Replicate token", r"r8_[A-Za-z0-9]{30,}", "r8_"),
    _own("xAI key", r"xai-[A-Za-z0-9]{60,}", "xai-"),
    _own("Perplexity key", r"pplx-[A-Za-z0-9]{40,}", "pplx-"),
    _own("NVIDIA key", r"nvapi-[\w-]{40,}", "nvapi-"),
    _own("Pinecone key", r"pcsk_[A-Za-z0-9_]{40,}", "pcsk_"),
    _own("LangSmith key", r"lsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}", "lsv2_"),
    # docs.wandb.ai: keys of the second form
    _own("W&B key", r"wandb_v\d_[A-Za-z0-9_]{40,}", "wandb_v"),
    # docs.docker.com/security/access-tokens, guides.rubygems.org, tailscale.com/kb/1252, docs.prefect.io
    _own("Docker token", r"dckr_(?:pat|oat)_[\w-]{20,}", "dckr_"),
    _own("RubyGems key", r"rubygems_[0-9a-f]{48}", "rubygems_"),
    _own("Tailscale key", r"tskey-[a-z]+-[A-Za-z0-9-]{20,}", "tskey-"),
    _own("Prefect key", r"pn[bu]_[A-Za-z0-9]{36}", "pnb_ pnu_"),
    # grafana.com/docs, docs.newrelic.com, docs.sentry.io, learning.postman.com, pulumi.com/docs, docs.doppler.com
    _own("Grafana token", r"glsa_[A-Za-z0-9]{32}_[0-9A-Fa-f]{8}|glc_[A-Za-z0-9+/]{32,}={0,2}", "glsa_ glc_"),
    _own("New Relic key", r"NR(?:AK|JS|II)-[A-Za-z0-9_-]{19,}", "NRAK- NRJS- NRII-"),
    _own("Sentry token", r"sntry[su]_[A-Za-z0-9+/=_]{40,}", "sntrys_ sntryu_"),
    _own("Postman key", r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}", "PMAK-"),
    _own("Pulumi token", r"pul-[0-9a-f]{40}", "pul-", is_bounded=True),
    _own("Doppler token", r"dp\.[a-z]{2,5}\.[A-Za-z0-9._-]{40,}", "dp."),
    # developers.notion.com, linear.app/developers, airtable.com/developers, figma.com/developers, shopify.dev
    _own("Notion token", r"(?:ntn|secret)_[A-Za-z0-9]{40,}", "ntn_ secret_"),
    _own("Linear key", r"lin_(?:api|oauth)_[A-Za-z0-9]{40,}", "lin_"),
    _own("Airtable token", r"pat[A-Za-z0-9]{14}\.[0-9a-f]{64}", "pat"),
    _own("Figma token", r"fig[dour]_[\w-]{40,}", "figd_ figo_ figu_ figr_"),
    _own("Shopify token", r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}", "shpat_ shpca_ shppa_ shpss_"),
    # supabase.com/docs, planetscale.com/docs, devcenter.heroku.com, fly.io/docs, developers.facebook.com
    _own("Supabase key", r"sbp_[0-9a-f]{40}|sb_secret_[\w-]{20,}", "sbp_ sb_secret_"),
    _own("PlanetScale password", r"pscale_(?:pw|tkn|oauth)_[\w.=-]{32,}", "pscale_"),
    _own("Heroku key", r"HRKU-[\w-]{36,}", "HRKU-"),
    _own("Fly token", r"fo1_[\w-]{43}|fm[12][ar]?_[A-Za-z0-9+/]{100,}={0,3}", "fo1_ fm1 fm2"),
    _own("Facebook token", r"EAA[MC][A-Za-z0-9]{90,}", "EAAM EAAC"),
    _own("Dropbox token", r"sl\.(?:u\.)?[\w-]{100,}", "sl."),
    # age-encryption.org/v1
    _own("age key", r"AGE-SECRET-KEY-1[0-9A-Z]{58}", "AGE-SECRET-KEY-1"),
    # discord.com/developers/docs/resources/webhook, learn.microsoft.com/microsoftteams: the address is the secret
    _own("webhook", r"https://(?:\w+\.)?discord(?:app)?\.com/api/webhooks/\d{15,}/[\w-]{40,}", "/api/webhooks/"),
    _own("webhook", r"https://\w+\.webhook\.office\.com/webhookb2/[\w@/-]{60,}", "/webhookb2/"),
    _own("webhook", r"https://hooks\.slack\.com/(?:services|workflows|triggers)/[\w/+]{30,}", "hooks.slack.com"),
)


@lru_cache(maxsize=1)
def own_clues() -> tuple[str, ...]:
    """The clues of the shapes of our own that stand in the same word."""
    return tuple(dict.fromkeys(clue for shape in OWN if not shape.is_far for clue in shape.clues))
