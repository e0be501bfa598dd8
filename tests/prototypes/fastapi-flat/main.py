from typing import Optional

import uvicorn
from fastapi import FastAPI, HTTPException
from fastapi.middleware.cors import CORSMiddleware
from pydantic import BaseModel

app = FastAPI(title="Todo API")

app.add_middleware(
    CORSMiddleware,
    allow_origins=["*"],
    allow_methods=["*"],
    allow_headers=["*"],
)


class Todo(BaseModel):
    title: str
    done: bool = False
    note: Optional[str] = None


todos: dict[int, Todo] = {}
next_id = 1


@app.get("/")
def root():
    return {"message": "Welcome to the Todo API! 🎉"}


@app.get("/todos")
def list_todos(done: Optional[bool] = None):
    return [{"id": k, **v.model_dump()} for k, v in todos.items() if done is None or v.done == done]


@app.post("/todos", status_code=201)
def create_todo(todo: Todo):
    global next_id
    todos[next_id] = todo
    next_id += 1
    return {"id": next_id - 1, **todo.model_dump()}


@app.get("/todos/{todo_id}")
def get_todo(todo_id: int):
    if todo_id not in todos:
        raise HTTPException(status_code=404, detail="Todo not found")
    return {"id": todo_id, **todos[todo_id].model_dump()}


@app.delete("/todos/{todo_id}", status_code=204)
def delete_todo(todo_id: int):
    if todos.pop(todo_id, None) is None:
        raise HTTPException(status_code=404, detail="Todo not found")


if __name__ == "__main__":
    uvicorn.run("main:app", host="0.0.0.0", port=8000, reload=True)
