using System.Reflection;
using System.Text.Json;
using System.Text.Json.Serialization;
using Gateway.Configuration.Model;
using Gateway.Configuration.Tree;
using Xunit;

namespace Gateway.Tests.Gateway.Configuration.Tree;

/// <summary>Promise: every member of every settings record is described, read under its own name, and has its default where it is missing.</summary>
public sealed class SettingsMembersTests
{
    private static readonly JsonSerializerOptions WithWords = new() { Converters = { new JsonStringEnumConverter() } };

    private static readonly SettingsNode Null = new SettingsValue(JsonValueKind.Null, "null", null);

    public static TheoryData<string> EveryRecord => [.. Records.Select(type => type.Name)];

    private static IEnumerable<Type> Records => typeof(ServerSettings).Assembly.GetTypes()
        .Where(type => type.GetInterfaces().Any(implemented => implemented.IsGenericType && implemented.GetGenericTypeDefinition() == typeof(ISettings<>)));

    [Theory]
    [MemberData(nameof(EveryRecord))]
    public void Members_AreTheProperties(string record)
    {
        var type = Records.Single(type => type.Name == record);

        Assert.Equal(
            type.GetProperties(BindingFlags.Public | BindingFlags.Instance).Select(property => property.Name), Describe(type).Shape.Known.Keys);
    }

    [Theory]
    [MemberData(nameof(EveryRecord))]
    public void Member_SetsItsProperty_AndNoOther(string record)
    {
        var type = Records.Single(type => type.Name == record);
        var (shape, defaults) = Describe(type);
        var missing = Properties(Read(type, SettingsObject.Empty));
        Assert.All(shape.Known, member =>
        {
            var members = SettingsObject.NewMembers();
            members[member.Key] = Sample(member.Value.Shape, defaults.Members[member.Key]);

            var read = Properties(Read(type, new SettingsObject(members, null)));

            Assert.Equal([member.Key], read.Where(property => property.Value != missing[property.Key]).Select(property => property.Key));
        });
    }

    [Theory]
    [MemberData(nameof(EveryRecord))]
    public void Defaults_AreThoseOfARecordWithoutMembers(string record)
    {
        var type = Records.Single(type => type.Name == record);
        var (shape, defaults) = Describe(type);
        var optional = shape.Known.Where(member => !member.Value.IsRequired).Select(member => member.Key).ToHashSet();

        Assert.Equal(
            Properties(Read(type, defaults)).Where(property => optional.Contains(property.Key)),
            Properties(Read(type, SettingsObject.Empty)).Where(property => optional.Contains(property.Key)));
        if (optional.Count == shape.Known.Count)
        {
            Assert.Equal(Properties(Activator.CreateInstance(type)!), Properties(Read(type, defaults)));
        }
    }

    private static (SettingShape.Members Shape, SettingsObject Defaults) Describe(Type type) =>
        ((SettingShape.Members, SettingsObject))Call(nameof(SettingsMembers.Describe), type, [null]);

    private static object Read(Type type, SettingsObject given) => Call(nameof(SettingsMembers.Read), type, [given]);

    private static object Call(string method, Type type, object?[] arguments) =>
        typeof(SettingsMembers).GetMethod(method)!.MakeGenericMethod(type).Invoke(null, arguments)!;

    private static Dictionary<string, string> Properties(object record) => record.GetType()
        .GetProperties(BindingFlags.Public | BindingFlags.Instance)
        .ToDictionary(property => property.Name, property => Text(property.GetValue(record)));

    private static string Text(object? value) =>
        value is JsonElement { ValueKind: JsonValueKind.Undefined } ? "" : JsonSerializer.Serialize(value, value?.GetType() ?? typeof(object), WithWords);

    /// <summary>A value that is not the default.</summary>
    private static SettingsNode Sample(SettingShape shape, SettingsNode fallback)
    {
        switch (shape)
        {
            case SettingShape.Members members:
                var given = SettingsObject.NewMembers();
                foreach (var (name, member) in members.Known.Where((member, i) => i == 0 || member.Value.IsRequired))
                {
                    given[name] = Sample(member.Shape, fallback is SettingsObject known ? known.Members[name] : Null);
                }

                return new SettingsObject(given, null);
            case SettingShape.Map map:
                var named = SettingsObject.NewMembers();
                named["a"] = Sample(map.Value, fallback);
                return new SettingsObject(named, null);
            case SettingShape.List list:
                return new SettingsArray([Sample(list.Item, Null)], null);
            case SettingShape.Scalar { Kind: ScalarKind.Flag }:
                return fallback is SettingsValue { Type: JsonValueKind.True }
                    ? new SettingsValue(JsonValueKind.False, "false", null)
                    : new SettingsValue(JsonValueKind.True, "true", null);
            case SettingShape.Scalar { Kind: ScalarKind.Int32 or ScalarKind.Int64 }:
                return new SettingsValue(JsonValueKind.Number, "123457", null);
            case SettingShape.Scalar { Kind: ScalarKind.Decimal }:
                return new SettingsValue(JsonValueKind.Number, "0.0123456789012345678901234567", null);
            case SettingShape.Scalar { Kind: ScalarKind.Duration }:
                return new SettingsValue(JsonValueKind.String, "1.02:03:04.0050000", null);
            case SettingShape.Scalar { Kind: ScalarKind.Word, Names: { } words }:
                return new SettingsValue(JsonValueKind.String, words.First(word => fallback is not SettingsValue { Text: var text } || text != word), null);
            case SettingShape.Raw:
                return new SettingsObject(SettingsObject.NewMembers(), null);
            default:
                return new SettingsValue(JsonValueKind.String, "given", null);
        }
    }
}
