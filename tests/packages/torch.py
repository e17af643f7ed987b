import torch

model = torch.nn.Linear(1, 1)
torch.nn.init.constant_(model.weight, 0.5)
torch.nn.init.zeros_(model.bias)


def predict():
    with torch.no_grad():
        return {"value": model(torch.ones(1)), "threads": torch.get_num_threads()}
