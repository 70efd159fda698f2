using System.Globalization;
using System.Text;
using System.Text.Json;
using Gateway.Configuration.Model;
using Gateway.Configuration.Schema;
using Gateway.Primitives;
using Gateway.Rules;
using Gateway.Secrets;
using Gateway.Teams;
using OpenRouterGateway.Transforms.ProviderMapping;
using OpenRouterGateway.Transforms.ProviderMapping.Patterns;

namespace Gateway.Configuration.Reading;

/// <summary>Compiles section <c>Teams</c> into teams.</summary>
internal sealed class TeamReader
{
    private const decimal MostUsd = 9_000_000;
    private const int MostDecimals = 12;

    private readonly ProviderMappingReader _global;
    private readonly SecretReader _secrets;
    private readonly DateTimeOffset _now;
    private readonly ICollection<SettingsFault> _faults;
    private readonly ICollection<SettingsFault> _warnings;
    private readonly Dictionary<string, string> _ids = new(StringComparer.OrdinalIgnoreCase);
    private readonly Dictionary<string, string> _keys = new(StringComparer.OrdinalIgnoreCase);

    private TeamReader(
        ProviderMappingReader global,
        SecretReader secrets,
        DateTimeOffset now,
        ICollection<SettingsFault> faults,
        ICollection<SettingsFault> warnings)
    {
        _global = global;
        _secrets = secrets;
        _now = now;
        _faults = faults;
        _warnings = warnings;
    }

    /// <summary>Reads the teams.</summary>
    /// <param name="section">
    /// The section in canonical form, with gaps for invalid teams, whose faults are reported already; <see langword="null"/> if the section
    /// itself is invalid.
    /// </param>
    /// <param name="global">The global rules, which follow the team's own.</param>
    /// <param name="secrets">Resolves references.</param>
    /// <param name="now">The time that decides whether keys have expired.</param>
    /// <param name="faults">Receives every fault.</param>
    /// <param name="warnings">Receives the warnings.</param>
    public static TeamDirectory Read(
        SettingsNode? section,
        ProviderMappingReader global,
        SecretReader secrets,
        DateTimeOffset now,
        ICollection<SettingsFault> faults,
        ICollection<SettingsFault> warnings)
    {
        var reader = new TeamReader(global, secrets, now, faults, warnings);
        var teams = new List<Team>();
        var before = faults.Count;
        var items = section is SettingsArray array ? array.Items : [];
        for (var i = 0; i < items.Count; i++)
        {
            if (items[i] is SettingsObject entry)
            {
                teams.Add(reader.ReadTeam(entry, i));
            }
        }

        // A directory requires unique ids, so it is built only without faults.
        return faults.Count > before ? TeamDirectory.Empty : new TeamDirectory(teams);
    }

    /// <summary>Reads a team.</summary>
    /// <param name="entry">The entry in canonical form, without invalid members.</param>
    /// <param name="index">The index of the entry.</param>
    private Team ReadTeam(SettingsObject entry, int index)
    {
        // The rules are read entry by entry below.
        var members = entry.ToMembers();
        members.Remove(nameof(TeamSettings.ProviderMapping), out var mapping);
        var settings = JsonSerializer.Deserialize(
            new SettingsObject(members, entry.Source).ToUtf8Json(), SettingsJsonContext.Default.TeamSettings)!;
        var faults = new SettingsFaultCollector($"{SettingsSchema.Teams}:{index}", entry, _faults, _warnings);
        if (!SettingFormats.IsTeamId(settings.Id))
        {
            faults.Fault("Id", $"got \"{settings.Id}\"; expected {SettingFormats.TeamIdExpected}");
        }
        else if (!_ids.TryAdd(settings.Id, faults.PathOf("Id")))
        {
            faults.Fault("Id", $"\"{settings.Id}\" is already used by {_ids[settings.Id]}; expected unique ids");
        }

        var key = _secrets.ReadHeaderValue(settings.OpenRouterKey, allowsLiteral: false, "OpenRouterKey", faults);
        if (key is not null && GatewayKeys.IsIn(key))
        {
            faults.Fault("OpenRouterKey", $"resolves to a gateway key, {GatewayKeys.Prefix}…; expected an OpenRouter key");
        }

        var allowed = ReadPatterns(settings.AllowedModels, "AllowedModels", faults);
        var denied = ReadPatterns(settings.DeniedModels, "DeniedModels", faults) ?? [];
        if (settings.AllowedModels is { Count: 0 })
        {
            faults.Fault("AllowedModels", "is empty, which would allow no model; expected one or more patterns, or no AllowedModels");
        }

        var (rules, summaries) = ReadRules(mapping, faults);
        return new Team
        {
            Id = settings.Id,
            Keys = ReadKeys(settings, faults),
            UpstreamKey = new UpstreamKey(key ?? "", settings.OpenRouterKey),
            Rights = allowed is null && denied.Count == 0 ? ModelRights.All : new ModelRights(allowed, denied),
            ServerTools = ReadServerTools(settings.ServerTools, faults),
            Limits = ReadLimits(settings.Limits, "Limits", faults),
            Budget = ReadBudget(settings.Budget, faults),
            Rules = rules,
            RuleSummaries = summaries,
            Attribution = ReadAttribution(settings.Attribution, faults),
            ScopesSessions = settings.ScopeSessions,
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
        else
        {
            isHash = true;
            if (!_keys.TryAdd(hash, faults.PathOf(path)))
            {
                faults.Fault($"{path}:Sha256", $"is already used by {_keys[hash]}; expected unique keys");
            }
        }

        DateTimeOffset? expires = null;
        if (settings.Expires is { } text)
        {
            if (SettingFormats.TryExpiry(text, out var moment))
            {
                expires = moment;
                if (moment <= _now)
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
        };
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

    private static TeamBudget? ReadBudget(TeamBudgetSettings? settings, SettingsFaultCollector faults)
    {
        if (settings is null)
        {
            return null;
        }

        return ReadUsd(settings.Usd, "Budget:Usd", faults) is { } limit
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

    /// <summary>The team's rules, followed by the global ones. A team without its own rules shares the global set.</summary>
    private (ProviderMappingRules Rules, IReadOnlyList<RuleSummary> Summaries) ReadRules(
        SettingsNode? section, SettingsFaultCollector faults) =>
        section is null
            ? (_global.Compiled, [])
            : _global.ReadTeam(section, faults.PathOf(nameof(TeamSettings.ProviderMapping)));
}
