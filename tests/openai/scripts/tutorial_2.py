from openai import OpenAI

client = OpenAI(api_key="API_KEY", base_url="BASE_URL")

response = client.chat.completions.create(
    model="gpt-4",
    messages=[{"role": "user", "content": "鲁迅为什么打周树人?"}],
    stream=True,
)
for chunk in response:
    print(chunk.choices[0].delta.content, end="")
