using System.Reflection;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using Gateway.Configuration.Model;
using Gateway.Configuration.ReverseProxy;
using Gateway.Configuration.Schema;
using Gateway.Configuration.Tree;
using Gateway.Upstream;
using OpenRouterGateway.Transforms.ProviderMapping.Blocks;
using OpenRouterGateway.Transforms.ProviderMapping.Hosting;

namespace Gateway.Tests.Gateway.Configuration.Schema;

/// <summary>
/// Generates <c>appsettings.schema.json</c>. Keys and types are those of <see cref="SettingsSchema"/>, descriptions those of the XML
/// documentation, of YARP's own schema and of <see cref="MemberTexts"/>, defaults those of the records, and ranges those that the loader accepts. The schema must accept
/// every file that the gateway accepts in the documented spelling. Nothing is required, since an overlay, a variable or
/// <c>TeamDefaults</c> may provide the keys that a file lacks.
/// </summary>
/// <param name="ranges">The ranges of the numbers, by type and property.</param>
internal sealed partial class JsonSchemaGenerator(IReadOnlyDictionary<(Type Type, string Property), SettingRange> ranges)
{
    private const string Definitions = "#/$defs/";
    private const string Duration = "Duration";

    /// <summary>The texts that the gateway reads as a time, and a few more: see <c>JsonSchemaTests.Pattern_AcceptsEveryTime</c>.</summary>
    internal const string DurationPattern = @"^[ \t]*([0-9]+\.)?[0-9]+:[0-9]+(:[0-9]*(\.[0-9]*)?)?[ \t]*$";

    private static readonly JsonSerializerOptions Indented =
        new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, NewLine = "\n" };

    private static readonly JsonSerializerOptions WithWords = new() { Converters = { new JsonStringEnumConverter() } };

    /// <summary>The types of the sections, except for those with a shape of their own.</summary>
    internal static readonly IReadOnlyDictionary<string, Type> Types = new Dictionary<string, Type>
    {
        [SettingsSchema.Server] = typeof(ServerSettings),
        [SettingsSchema.Upstream] = typeof(UpstreamSettings),
        [SettingsSchema.ProviderMapping] = typeof(ProviderMappingSettings),
        [SettingsSchema.Teams] = typeof(IReadOnlyList<TeamSettings>),
        [SettingsSchema.TeamsFolder] = typeof(string),
        [SettingsSchema.Usage] = typeof(UsageSettings),
        [SettingsSchema.Limits] = typeof(LimitsSettings),
        [SettingsSchema.Admin] = typeof(AdminSettings),
        [SettingsSchema.Alerts] = typeof(AlertsSettings),
        [SettingsSchema.Logging] = typeof(LoggingSettings),
    };

    private readonly SortedDictionary<string, JsonObject?> _definitions = new(StringComparer.Ordinal);

    /// <summary>The name of a definition: the type's without <c>Settings</c>.</summary>
    public static string NameOf(string type) => type.EndsWith("Settings", StringComparison.Ordinal) ? type[..^"Settings".Length] : type;

    /// <summary>Generates the schema.</summary>
    public string Generate()
    {
        var sections = new JsonObject { [SettingsSchema.JsonSchema] = SchemaPath() };
        foreach (var name in SettingsSchema.Names)
        {
            var shape = SettingsSchema.ShapeOf(name)!;
            var section = name switch
            {
                SettingsSchema.ReverseProxy => DescribeYarp(shape, YarpDescription.Section),
                SettingsSchema.TeamDefaults => MembersOfTeam((SettingShape.Members)shape),
                _ => Describe(shape, Types[name]),
            };
            sections[name] = Described(AllowNull(section), SectionText(name));
        }

        var file = MembersOfTeam(SettingsSchema.Team);
        ((JsonObject)file["properties"]!).Insert(0, SettingsSchema.JsonSchema, SchemaPath());
        _definitions["Settings"] = Closed(sections);
        _definitions["TeamFile"] = file;
        _definitions[Duration] = new JsonObject
        {
            ["type"] = new JsonArray("string", "null"),
            ["pattern"] = DurationPattern,
            ["patternErrorMessage"] = "Expected a time in the form \"hh:mm:ss\", such as \"00:00:30\".",
        };
        var root = new JsonObject
        {
            ["$schema"] = "https://json-schema.org/draft/2020-12/schema",
            ["title"] = "Settings of OpenRouterGateway",
            ["description"] = "appsettings.json, its overlays, and the files of TeamsFolder. docs/configuration.md describes them.",
            ["$comment"] = "Generated from the settings' types. The descriptions of ReverseProxy are those of YARP, MIT, (c) .NET Foundation.",
            ["allowComments"] = true,
            ["allowTrailingCommas"] = true,
            ["type"] = "object",

            // Only the file of a team has a top-level Id.
            ["if"] = new JsonObject { ["required"] = new JsonArray(nameof(TeamSettings.Id)) },
            ["then"] = new JsonObject { ["$ref"] = Definitions + "TeamFile" },
            ["else"] = new JsonObject { ["$ref"] = Definitions + "Settings" },
            ["$defs"] = new JsonObject(_definitions.Select(pair => KeyValuePair.Create(pair.Key, (JsonNode?)pair.Value))),
        };
        return InOneLine(root.ToJsonString(Indented)) + "\n";
    }

    private JsonObject Describe(SettingShape shape, Type type)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        switch (shape)
        {
            case SettingShape.Members members:
                return Define(members, type);
            case SettingShape.Map map:
                return Names(Describe(map.Value, type.GetGenericArguments()[1]));
            case SettingShape.List list:
                return List(list, Describe(list.Item, type.GetGenericArguments()[0]));
            case SettingShape.Raw:
                // Unknown members of a provider block are a warning.
                return new JsonObject
                {
                    ["type"] = "object",
                    ["properties"] = new JsonObject(ProviderMembers.All.Select(
                        name => KeyValuePair.Create(name, (JsonNode?)Described(new JsonObject(), MemberTexts.OfProvider[name])))),
                };
            default:
                var scalar = Describe((SettingShape.Scalar)shape);
                if (type.IsEnum && type.GetEnumNames().Select(name => XmlDocumentation.Of(type.GetField(name)!)).ToArray() is var texts
                    && texts.All(text => text is not null))
                {
                    scalar["enumDescriptions"] = new JsonArray([.. texts.Select(text => JsonValue.Create(text))]);
                }

                return scalar;
        }
    }

    /// <summary>A reference to the definition of a type.</summary>
    private JsonObject Define(SettingShape.Members shape, Type type)
    {
        var name = NameOf(type.Name);
        if (_definitions.TryAdd(name, null))
        {
            var defaults = Activator.CreateInstance(type)!;
            var definition = Closed(new JsonObject(shape.Known.Select(member =>
                KeyValuePair.Create(member.Key, (JsonNode?)DescribeMember(type.GetProperty(member.Key)!, member.Value, defaults)))));
            AllowNull(definition);
            if (shape.Shorthand is { } shorthand)
            {
                ((JsonArray)definition["type"]!).Insert(1, "array");
                definition["items"] = Describe(((SettingShape.List)shape.Known[shorthand].Shape).Item, typeof(string));
            }

            _definitions[name] = definition;
        }

        return new JsonObject { ["$ref"] = Definitions + name };
    }

    private JsonObject DescribeMember(PropertyInfo property, SettingShape.Member member, object defaults)
    {
        var node = Described(AllowNull(Describe(member.Shape, property.PropertyType)), XmlDocumentation.Of(property));
        if (ranges.TryGetValue((property.DeclaringType!, property.Name), out var range))
        {
            range.WriteTo(member.Shape is SettingShape.List ? (JsonObject)node["items"]! : node);
        }

        if (!member.IsRequired
            && member.Shape is not (SettingShape.Members or SettingShape.Raw)
            && property.GetValue(defaults) is { } value and not "")
        {
            node["default"] = JsonSerializer.SerializeToNode(value, property.PropertyType, WithWords);
        }

        return node;
    }

    private static JsonObject Describe(SettingShape.Scalar scalar) => scalar.Kind switch
    {
        ScalarKind.Text or ScalarKind.Secret or ScalarKind.Uri => new JsonObject { ["type"] = "string" },
        ScalarKind.Flag => new JsonObject { ["type"] = "boolean" },
        ScalarKind.Int32 or ScalarKind.Int64 => new JsonObject { ["type"] = "integer" },
        ScalarKind.Decimal => new JsonObject { ["type"] = "number" },
        ScalarKind.Duration => new JsonObject { ["$ref"] = Definitions + Duration },
        ScalarKind.Word => new JsonObject { ["enum"] = new JsonArray([.. scalar.Names!.Select(name => JsonValue.Create(name))]) },
        ScalarKind.Version => new JsonObject { ["enum"] = new JsonArray("1.1", "2", "3", "1.0", "2.0", "3.0", 1.0m, 1.1m, 2, 3) },
        ScalarKind.AnyText => new JsonObject { ["type"] = new JsonArray("string", "number", "boolean") },
        _ => throw new NotSupportedException($"{scalar.Kind}"),
    };

    private static JsonObject DescribeYarp(SettingShape shape, YarpDescription yarp)
    {
        switch (shape)
        {
            case SettingShape.Members members:
                return Closed(new JsonObject(members.Known.Select(member => KeyValuePair.Create(
                    member.Key, (JsonNode?)DescribeYarp(member.Key, shape, member.Value.Shape, yarp.Member(member.Key))))));
            case SettingShape.Map map:
                return Names(DescribeYarp(map.Value, yarp.Value));
            case SettingShape.List list:
                return List(list, DescribeYarp(list.Item, yarp.Item));
            default:
                var scalar = Describe((SettingShape.Scalar)shape);
                if (yarp.Words.Count > 0)
                {
                    scalar["examples"] = new JsonArray([.. yarp.Words.Select(word => JsonValue.Create(word))]);
                }

                return scalar;
        }
    }

    private static JsonObject DescribeYarp(string name, SettingShape owner, SettingShape shape, YarpDescription yarp)
    {
        if ((owner == ReverseProxySchema.Route && ReverseProxyCheck.UnsupportedRouteSettings.Contains(name))
            || (owner == ReverseProxySchema.Cluster && ReverseProxyCheck.UnsupportedClusterSettings.Contains(name)))
        {
            return Described(new JsonObject { ["type"] = "null", ["doNotSuggest"] = true }, "Not supported by this gateway.");
        }

        var node = Described(AllowNull(DescribeYarp(shape, yarp)), yarp.Text ?? MemberTexts.OfYarp.GetValueOrDefault(name));
        if (name == "Transforms")
        {
            (string Name, string Text)[] transforms =
            [
                (ProviderMappingTransformFactory.Key, TextOf(typeof(ProviderMappingTransformFactory), nameof(ProviderMappingTransformFactory.Key))),
                (BaseAddressTransformFactory.Key, TextOf(typeof(BaseAddressTransformFactory), nameof(BaseAddressTransformFactory.Key))),
                .. yarp.Item.Transforms,
            ];
            ((JsonObject)node["items"]!)["properties"] = new JsonObject(transforms.Select(transform => KeyValuePair.Create(
                transform.Name, (JsonNode?)Described(AllowNull(Describe(new SettingShape.Scalar(ScalarKind.AnyText))), transform.Text))));
        }

        return node;
    }

    /// <summary>The members of a team, in another object than an entry of <c>Teams</c>.</summary>
    private JsonObject MembersOfTeam(SettingShape.Members shape)
    {
        var team = (string)Describe(SettingsSchema.Team, typeof(TeamSettings))["$ref"]!;
        return Closed(new JsonObject(shape.Known.Keys.Select(
            name => KeyValuePair.Create(name, (JsonNode?)new JsonObject { ["$ref"] = $"{team}/properties/{name}" }))));
    }

    private static JsonObject Closed(JsonObject properties) =>
        new() { ["type"] = "object", ["properties"] = properties, ["additionalProperties"] = false };

    private static JsonObject Names(JsonObject value) => new()
    {
        ["type"] = "object",
        ["propertyNames"] = new JsonObject { ["pattern"] = "^[^:]+$" },
        ["additionalProperties"] = AllowNull(value),
    };

    private static JsonObject List(SettingShape.List list, JsonObject item)
    {
        if (item.ContainsKey("$ref"))
        {
            // The definition allows null, which is no item.
            item["type"] = "object";
        }

        JsonNode type = list.TakesOne ? new JsonArray("string", "array") : "array";
        return new JsonObject { ["type"] = type, ["items"] = item };
    }

    /// <summary>A member that is <c>null</c> has its default.</summary>
    private static JsonObject AllowNull(JsonObject node)
    {
        if (node["enum"] is JsonArray words)
        {
            words.Add((JsonNode?)null);
        }
        else if (node["type"] is JsonArray types)
        {
            types.Add("null");
        }
        else if (node["type"] is { } type)
        {
            node["type"] = new JsonArray(type.DeepClone(), "null");
        }

        return node;
    }

    private static JsonObject Described(JsonObject node, string? text)
    {
        if (text is not null)
        {
            node.Insert(0, "description", text);
        }

        return node;
    }

    /// <summary>Puts each short array of scalars in one line.</summary>
    private static string InOneLine(string json) => ArrayOfLines().Replace(json, static array =>
        string.Join(' ', array.Value.Split('\n').Select(static line => line.Trim())) is { Length: <= 120 } line ? line : array.Value);

    private static JsonObject SchemaPath() => Described(new JsonObject { ["type"] = "string" }, SectionText(SettingsSchema.JsonSchema));

    private static string SectionText(string name) => XmlDocumentation.Of(
        typeof(SettingsSchema).GetFields(BindingFlags.Public | BindingFlags.Static).Single(field => (string?)field.GetRawConstantValue() == name))!;

    private static string TextOf(Type type, string constant) => XmlDocumentation.Of(type.GetField(constant)!)!;

    [GeneratedRegex(@"\[\n[^\[\]{}]*\n\s*\]")]
    private static partial Regex ArrayOfLines();
}
