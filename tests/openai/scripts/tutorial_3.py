from openai import OpenAI

client = OpenAI(api_key="API_KEY", base_url="BASE_URL")

response = client.chat.completions.create(
    model="gpt-4",
    messages=[
        {
            "role": "system",
            "content": "请对下面的内容进行分类,并且描述出对应分类的理由。你只需要根据用户的内容输出下面几种类型:bug类型,用户体验问题,用户吐槽.输出格式:[类型]-[问题:…]-[分析的理由]",
        },
        {"role": "user", "content": "这个页面不太好看"},
    ],
    stream=True,
)
for chunk in response:
    print(chunk.choices[0].delta.content, end="")
