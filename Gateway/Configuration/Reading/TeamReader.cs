using System.Globalization;
using System.Text;
using System.Text.Json;
using Gateway.Configuration.Model;
using Gateway.Configuration.Schema;
using Gateway.Configuration.Tree;
using Gateway.Primitives;
using Gateway.Secrets;
using Gateway.Teams;
using OpenRouterGateway.Transforms.ProviderMapping;
using OpenRouterGateway.Transforms.ProviderMapping.Patterns;

namespace Gateway.Configuration.Reading;

/// <summary>Compiles the settings of one team.</summary>
/// <param name="global">The global rules, which follow the team's own.</param>
/// <param name="secrets">Resolves references.</param>
/// <param name="now">The time that decides whether keys have expired.</param>
/// <param name="claims">The ids and keys of the teams that were read before.</param>
internal sealed class TeamReader(ProviderMappingReader global, SecretReader secrets, DateTimeOffset now, TeamClaims claims)
{
    private const decimal MostUsd = 9_000_000;
    private const int MostDecimals = 12;

    /// <summary>Reads a team.</summary>
    /// <param name="entry">The team in canonical form, without invalid members.</param>
    /// <param name="path">Its path.</param>
    /// <param name="known">Its last good state, whose secrets are used; <see langword="null"/> to resolve the references.</param>
    /// <param name="faults">Receives every fault. After a fault the team must not be used.</param>
    /// <param name="warnings">Receives the warnings.</param>
    public Team Read(
        SettingsObject entry, string path, TeamFile? known, ICollection<SettingsFault> faults, ICollection<SettingsFault> warnings)
    {
        var (settings, mapping) = ReadMembers(entry);
        var collector = new SettingsFaultCollector(path, entry, faults, warnings);
        ClaimId(settings.Id, collector);
        var key = known?.Key ?? ReadUpstreamKey(settings.OpenRouterKey, collector);
        var webhook = known is null ? ReadWebhook(settings, collector) : known.AlertWebhook;
        return Build(settings, mapping, ReadKeys(settings, collector), key, webhook, collector, faults, warnings);
    }

    /// <summary>Checks the members that teams start from.</summary>
    /// <param name="defaults">Section <c>TeamDefaults</c> in canonical form.</param>
    /// <param name="faults">Receives every fault.</param>
    public void CheckDefaults(SettingsObject defaults, ICollection<SettingsFault> faults)
    {
        var members = defaults.ToMembers();
        foreach (var name in (string[])[nameof(TeamSettings.Id), nameof(TeamSettings.OpenRouterKey)])
        {
            members[name] = new SettingsValue(JsonValueKind.String, "", null);
        }

        members[nameof(TeamSettings.Keys)] = new SettingsArray([], null);
        var (settings, mapping) = ReadMembers(new SettingsObject(members, defaults.Source));

        // Warnings are those of the teams.
        var warnings = new List<SettingsFault>();
        var collector = new SettingsFaultCollector(SettingsSchema.TeamDefaults, defaults, faults, warnings);
        Build(settings, mapping, [], new UpstreamKey(""), ReadWebhook(settings, collector), collector, faults, warnings);
    }

    private static (TeamSettings Settings, SettingsNode? Mapping) ReadMembers(SettingsObject entry)
    {
        // The rules are read entry by entry.
        var members = entry.ToMembers();
        members.Remove(nameof(TeamSettings.ProviderMapping), out var mapping);
        return (SettingsMembers.Read<TeamSettings>(new SettingsObject(members, entry.Source)), mapping);
    }

    private void ClaimId(string id, SettingsFaultCollector faults)
    {
        if (!SettingFormats.IsTeamId(id))
        {
            faults.Fault("Id", $"got \"{KeyText.Hide(id)}\"; expected {SettingFormats.TeamIdExpected}");
        }
        else if (claims.ClaimId(id, faults.PathOf("Id")) is { } other)
        {
            faults.Fault("Id", $"\"{id}\" is already used by {other}; expected unique ids");
        }
    }

    private UpstreamKey ReadUpstreamKey(string reference, SettingsFaultCollector faults)
    {
        var key = secrets.ReadHeaderValue(reference, allowsLiteral: false, "OpenRouterKey", faults);
        if (key is not null && GatewayKeys.IsIn(key))
        {
            faults.Fault("OpenRouterKey", $"resolves to a gateway key, {GatewayKeys.Prefix}…; expected an OpenRouter key");
        }

        return new UpstreamKey(key ?? "", reference);
    }

    private SecretText? ReadWebhook(TeamSettings settings, SettingsFaultCollector faults) => settings.AlertWebhook is { } reference
        ? AlertsSettingsCheck.ReadWebhook(reference, nameof(settings.AlertWebhook), faults, secrets)
        : null;

    /// <summary>Reads the members that <c>TeamDefaults</c> may have, and builds the team.</summary>
    private Team Build(
        TeamSettings settings,
        SettingsNode? mapping,
        IReadOnlyList<TeamKey> keys,
        UpstreamKey upstreamKey,
        SecretText? alertWebhook,
        SettingsFaultCollector collector,
        ICollection<SettingsFault> faults,
        ICollection<SettingsFault> warnings)
    {
        var allowed = ReadAllowed(settings.AllowedModels, "AllowedModels", collector);
        var denied = ReadPatterns(settings.DeniedModels, "DeniedModels", collector) ?? [];

        // A team without rules of its own shares the global set.
        var (rules, summaries) = mapping is null
            ? (global.Compiled, [])
            : global.ReadTeam(mapping, collector.PathOf(nameof(TeamSettings.ProviderMapping)), faults, warnings);
        return new Team
        {
            Id = settings.Id,
            Source = collector.PathOf(""),
            Keys = keys,
            UpstreamKey = upstreamKey,
            Rights = allowed is null && denied.Count == 0 ? ModelRights.All : new ModelRights(allowed, denied),
            ServerTools = ReadServerTools(settings.ServerTools, collector),
            Limits = ReadLimits(settings.Limits, "Limits", collector),
            Budget = ReadBudget(settings.Budget, "Budget", collector),
            Rules = rules,
            RuleSummaries = summaries,
            Attribution = ReadAttribution(settings.Attribution, collector),
            ScopesSessions = settings.ScopeSessions,
            AlertWebhook = alertWebhook,
            HasAlertWebhook = settings.AlertWebhook is not null,
        };
    }

    private TeamKey[] ReadKeys(TeamSettings settings, SettingsFaultCollector faults)
    {
        if (settings.Keys.Count == 0)
        {
            faults.Fault("Keys", "is empty; expected one or more, as \"keys new\" prints them");
        }

        var labels = new Dictionary<string, int>(StringComparer.OrdinalIgnoreCase);
        return [.. settings.Keys.Select((key, i) => ReadKey(key, i, labels, faults))];
    }

    private TeamKey ReadKey(TeamKeySettings settings, int index, Dictionary<string, int> labels, SettingsFaultCollector faults)
    {
        var path = $"Keys:{index}";
        var label = settings.Label?.Trim() ?? string.Create(CultureInfo.InvariantCulture, $"key-{index + 1}");
        if (!SettingFormats.IsLabel(label))
        {
            // Not quoted: the text may be a key, entered by mistake.
            faults.Fault($"{path}:Label", $"is not a valid label; expected {SettingFormats.LabelExpected}");
        }
        else if (!labels.TryAdd(label, index))
        {
            var given = settings.Label is null ? $"\"{label}\", the default here," : $"\"{label}\"";
            var first = faults.PathOf($"Keys:{labels[label]}");
            faults.Fault($"{path}:Label", $"{given} is already used by {first}; expected unique labels");
        }

        var hash = settings.Sha256.Trim();
        var isHash = false;
        if (hash.Length != 64 || !hash.All(char.IsAsciiHexDigit))
        {
            faults.Fault(
                $"{path}:Sha256",
                $"has {hash.Length} characters and is not shown; expected the key's SHA-256, 64 hexadecimal digits as \"keys new\" "
                    + "prints them");
        }
        else if (GatewayKeys.IsHashOfNoKey(Convert.FromHexString(hash)))
        {
            // A script computes it from a variable that is not set.
            faults.Fault($"{path}:Sha256", "is the hash of an empty key; expected the hash of a key, as \"keys new\" prints it");
        }
        else
        {
            isHash = true;
            if (claims.ClaimKey(hash, faults.PathOf(path)) is { } other)
            {
                faults.Fault($"{path}:Sha256", $"is already used by {other}; expected unique keys");
            }
        }

        DateTimeOffset? expires = null;
        if (settings.Expires is { } text)
        {
            if (SettingFormats.TryExpiry(text, out var moment))
            {
                expires = moment;
                if (moment <= now)
                {
                    faults.Warn($"{path}:Expires", $"the key \"{label}\" has expired");
                }
            }
            else
            {
                faults.Fault($"{path}:Expires", $"got \"{text}\"; expected {SettingFormats.ExpiryExpected}");
            }
        }

        return new TeamKey
        {
            Label = label,
            Hash = isHash ? Convert.FromHexString(hash) : [],
            Expires = expires,
            Limits = ReadLimits(settings.Limits, $"{path}:Limits", faults),
            Rights = ReadAllowed(settings.AllowedModels, $"{path}:AllowedModels", faults) is { } allowed
                ? new ModelRights(allowed, [])
                : ModelRights.All,
            Budget = ReadBudget(settings.Budget, $"{path}:Budget", faults),
        };
    }

    private static List<ModelPattern>? ReadAllowed(IReadOnlyList<string>? texts, string name, SettingsFaultCollector faults)
    {
        if (texts is { Count: 0 })
        {
            faults.Fault(name, "is empty, which would allow no model; expected one or more patterns, or no AllowedModels");
        }

        return ReadPatterns(texts, name, faults);
    }

    private static List<ModelPattern>? ReadPatterns(IReadOnlyList<string>? texts, string name, SettingsFaultCollector faults)
    {
        if (texts is null)
        {
            return null;
        }

        var patterns = new List<ModelPattern>();
        var problems = new List<RuleProblem>();
        for (var i = 0; i < texts.Count; i++)
        {
            if (ModelPattern.Create(texts[i], $"{name}:{i}", problems) is { } pattern)
            {
                patterns.Add(pattern);
            }
        }

        foreach (var problem in problems)
        {
            faults.Fault(problem.Path, problem.Message);
        }

        return patterns;
    }

    private static TeamLimits ReadLimits(TeamLimitsSettings? settings, string name, SettingsFaultCollector faults)
    {
        if (settings is null)
        {
            return TeamLimits.None;
        }

        faults.Range($"{name}:RequestsPerMinute", settings.RequestsPerMinute, 1);
        faults.Range($"{name}:TokensPerMinute", settings.TokensPerMinute, 1);
        faults.Range($"{name}:ConcurrentRequests", settings.ConcurrentRequests, 1);
        return new TeamLimits(settings.RequestsPerMinute, settings.TokensPerMinute, settings.ConcurrentRequests);
    }

    private static TeamBudget? ReadBudget(TeamBudgetSettings? settings, string name, SettingsFaultCollector faults)
    {
        if (settings is null)
        {
            return null;
        }

        return ReadUsd(settings.Usd, $"{name}:Usd", faults) is { } limit
            ? new TeamBudget(limit, settings.Period ?? BudgetPeriod.Month)
            {
                IncludesByok = settings.IncludeByok ?? true,
                WhenExceeded = settings.WhenExceeded ?? ExceededPolicy.Refuse,
            }
            : null;
    }

    private static ServerToolRights ReadServerTools(ServerToolsSettings? settings, SettingsFaultCollector faults)
    {
        if (settings is null)
        {
            return ServerToolRights.Default;
        }

        var problems = new List<RuleProblem>();
        var allowed = settings.Allow is { } texts ? ServerToolPatterns.Read(texts, "ServerTools:Allow", problems) : null;
        foreach (var problem in problems)
        {
            faults.Fault(problem.Path, problem.Message);
        }

        var maxCost = settings.MaxUsd is { } usd ? ReadUsd(usd, "ServerTools:MaxUsd", faults) : null;
        return new ServerToolRights(allowed, settings.WhenClosed, maxCost ?? ServerToolRights.Default.MaxCost);
    }

    private static PicoDollars? ReadUsd(decimal usd, string name, SettingsFaultCollector faults)
    {
        // Decimal on both sides: binary floating point would round the amount.
        var text = usd.ToString(CultureInfo.InvariantCulture);
        if (usd is <= 0 or > MostUsd
            || (text.IndexOf('.', StringComparison.Ordinal) is >= 0 and var point && text.Length - point - 1 > MostDecimals)
            || !PicoDollars.TryParse(Encoding.UTF8.GetBytes(text), out var amount))
        {
            faults.Fault(name, $"got {text}; expected more than 0 and up to {MostUsd:F0}, with at most {MostDecimals} decimals");
            return null;
        }

        return amount;
    }

    private static Attribution ReadAttribution(AttributionSettings? settings, SettingsFaultCollector faults)
    {
        return settings is null
            ? Attribution.None
            : new Attribution(Header("Attribution:Referer", settings.Referer), Header("Attribution:Title", settings.Title));

        string? Header(string name, string? value)
        {
            value = value?.Trim();
            if (value is not null && (value.Length == 0 || value.Any(c => c is < ' ' or >= '\u007F')))
            {
                faults.Fault(name, "is empty or contains a character that headers do not allow; expected printable ASCII");
            }

            return value;
        }
    }
}
