import openai

openai.api_key = "API_KEY"
openai.api_base = "BASE_URL"

response = openai.Completion.create(model="gpt-4.0-turbo", prompt="鲁迅与周树人的关系。", max_tokens=100)
print(response.choices[0].text)
