namespace LlmService.Tokenizers.Tests.Chat;

/// <summary>Templates of the common kinds, written for the tests.</summary>
internal static class OwnTemplates
{
    public const string ChatMl = """
        {%- if messages[0].role != 'system' -%}
        <|im_start|>system
        You are helpful.<|im_end|>
        {% endif -%}
        {%- for message in messages -%}
        {{- '<|im_start|>' + message.role + '\n' + message.content | trim + '<|im_end|>' + '\n' -}}
        {%- endfor -%}
        {%- if add_generation_prompt -%}{{- '<|im_start|>assistant\n' -}}{%- endif -%}
        """;

    public const string Instruct = """
        {{ bos_token }}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
        {{ raise_exception('Roles must alternate user/assistant') }}{% endif %}
        {% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}{% else %}{{ message['content'] ~ eos_token }}{% endif %}
        {% endfor %}
        """;

    public const string Tools = """
        {%- macro type_of(p) -%}{%- if p.type is string -%}{{ p.type }}{%- else -%}{{ p.type | join(' | ') }}{%- endif -%}{%- endmacro -%}
        {%- set ns = namespace(system='', index=-1) -%}
        {%- for m in messages if m.role == 'system' -%}{%- set ns.system = ns.system ~ m.content -%}{%- endfor -%}
        {%- for m in messages[::-1] -%}{%- set i = messages | length - 1 - loop.index0 -%}{%- if m.role == 'user' and ns.index < 0 -%}{%- set ns.index = i -%}{%- endif -%}{%- endfor -%}
        <|system|>{{ ns.system }}{% if tools %}
        {% for tool in tools %}{{ tool | tojson(indent=2) }}{% for name, p in tool.function.parameters.properties | dictsort %} {{ name }}: {{ type_of(p) }}{{ ',' if not loop.last }}{% endfor %}
        {% endfor %}{% endif %}
        {%- for m in messages -%}{%- if m.role == 'system' -%}{%- continue -%}{%- endif %}
        <|{{ m.role }}|>{% if m.content is string %}{{ m.content }}{% else %}{% for p in m.content %}{% if p.type == 'text' %}{{ p.text }}{% endif %}{% endfor %}{% endif %}
        {%- if m.role == 'assistant' -%}{%- generation -%}{{ m.content.split('</think>')[-1].lstrip('\n') if m.content is string else '' }}{%- endgeneration -%}{%- endif -%}
        {%- endfor -%}
        {%- if add_generation_prompt -%}<|assistant|>{% if enable_thinking is defined and enable_thinking is false %}<think></think>{% endif %}{%- endif -%}
        """;

    public static IReadOnlyList<string> All { get; } = [ChatMl, Instruct, Tools];
}
